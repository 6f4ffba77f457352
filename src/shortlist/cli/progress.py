"""How far a job has come, on stderr: a line a finished stage, a bar for the one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shortlist.cli.output import stderr

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from shortlist.recommender.timing import Stage

__all__ = ["StageLines"]


class StageLines:
    """Shows the stages of a job; a bar only where stderr is a terminal."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = stderr()
        self._bar: Progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
            redirect_stdout=False,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> StageLines:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def finished(self, stage: Stage) -> None:
        """Print the line of a finished stage and take its bar away."""
        task = self._tasks.pop(stage.name, None)
        if task is not None:
            self._bar.remove_task(task)
        self._console.print(f"{stage.name:<12} {stage.seconds:6.1f} s  {stage.detail}".rstrip())

    def progress(self, name: str, done: int, total: int) -> None:
        """Move the bar of the stage ``name``."""
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(name, total=total)
        self._bar.update(self._tasks[name], completed=done, total=total)

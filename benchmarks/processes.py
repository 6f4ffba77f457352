"""Workers: child processes pinned to cores, which do their work when they are asked to."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Measured", "Side", "WorkerError", "interleave"]

_WORKERS = Path(__file__).parent / "workers"
# Whatever takes its number of threads from the environment.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


class WorkerError(RuntimeError):
    """A worker ended before it had answered."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: what it is called in the table.
        worker: the name of a script in ``workers``, or the path of another.
        options: what its ``make`` is given.
        python: the interpreter.
        env: environment variables besides those of the harness.
    """

    name: str
    worker: str
    options: Mapping[str, Any] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """Medians over the runs of one side.

    Attributes:
        cpu: seconds of CPU, of all threads.
        wall: seconds.
        peak: megabytes, the most that was resident since the worker began, all imports included.
        versions: of what the worker runs on.
        found: what the last run returned.
    """

    cpu: float
    wall: float
    peak: float
    versions: Mapping[str, str]
    found: Mapping[str, Any]


def interleave(
    sides: Sequence[Side], cores: Sequence[int], rounds: int, warmups: int = 1
) -> dict[str, Measured]:
    """Run every side once a round, in turn, so that a machine that drifts drifts for all.

    The workers live through all rounds, so what is measured is warm; only one works at a time.

    Args:
        sides: with different names.
        cores: the numbers of the cores the workers are pinned to, with a thread for each.
        rounds: how many runs the medians are of.
        warmups: how many runs before them are not counted.

    Raises:
        WorkerError: a worker failed; what it wrote last is in the message.
    """
    answers: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_Worker(side, cores)) for side in sides]
        for round_ in range(warmups + rounds):
            for worker in workers:
                answer = worker.run()
                if round_ >= warmups:
                    answers[worker.side.name].append(answer)
        return {w.side.name: _medians(answers[w.side.name], w.versions) for w in workers}


def _medians(answers: list[dict[str, Any]], versions: Mapping[str, str]) -> Measured:
    def median(name: str) -> float:
        return float(statistics.median(answer[name] for answer in answers))

    last = answers[-1]
    return Measured(median("cpu"), median("wall"), last["peak"], versions, last["found"])


class _Worker:
    """A running worker; one line on its standard input is one run."""

    def __init__(self, side: Side, cores: Sequence[int]) -> None:
        self.side = side
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the worker)
        environment = {
            **os.environ,
            **dict.fromkeys(_THREADS, str(len(cores))),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            **side.env,
        }
        with _pinned(cores):
            self._process = subprocess.Popen(
                [str(side.python), str(_WORKERS / side.worker), json.dumps(dict(side.options))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                env=environment,
            )
        self.versions: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self.versions = self._answer()["versions"]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def run(self) -> dict[str, Any]:
        """Let it work once."""
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                stdin.write("\n")
                stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        stdout = self._process.stdout
        line = "" if stdout is None else stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self._log.seek(0)
        raise WorkerError(
            f"The worker of {self.side.name} ({self.side.worker}) ended without an answer. Its "
            f"last words:\n{self._log.read()[-3000:]}"
        )

    def _end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.kill()
        self._process.wait()
        self._log.close()


@contextlib.contextmanager
def _pinned(cores: Sequence[int]) -> Iterator[None]:
    """Pin this thread while it starts a child, which inherits it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)

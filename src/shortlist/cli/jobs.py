"""Run a job and show it: what `quickstart` and `train` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shortlist.cli.output import emit
from shortlist.cli.process import prepare_backend
from shortlist.cli.show import show_facts

if TYPE_CHECKING:
    from shortlist.recommender.config import Config
    from shortlist.recommender.job import Job, Stage

__all__ = ["outcome", "run_job"]


def run_job(config: Config, *, as_json: bool, debug: bool) -> Job:
    """Run ``config`` to its end, with its progress on stderr and the data's facts on stdout.

    Raises:
        ShortlistError: what the job raises.
    """
    prepare_backend(debug=debug)
    from shortlist.cli.progress import StageLines
    from shortlist.recommender.job import Job

    with StageLines() as lines:

        def finished(stage: Stage) -> None:
            lines.finished(stage)
            if len(job.stages) == 1 and not as_json:
                with lines.paused():
                    emit(job.facts, lambda console: show_facts(console, job.facts))

        job = Job(config, on_stage=finished, on_progress=lines.progress)
        job.run()
    return job


def outcome(job: Job) -> dict[str, Any]:
    """What a job came to, for ``--json``: seconds by stage and in all, metrics and the bundle."""
    seconds = {stage.name: stage.seconds for stage in job.stages}
    return {
        "seconds": {**seconds, "total": sum(seconds.values())},
        "facts": job.facts,
        "metrics": job.metrics,
        "bundle": job.bundle,
    }

"""Run a job and say what came of it: what `quickstart` and `train` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from shortlist.cli.process import prepare_backend

if TYPE_CHECKING:
    from shortlist.evaluation import Report
    from shortlist.recommender.config import Config
    from shortlist.recommender.job import Trained

__all__ = ["judged", "outcome", "run_job"]


def run_job(config: Config, *, debug: bool, warm_start: Path | None = None) -> Trained:
    """Run ``config`` to its end, with its progress on stderr; see `Job` for ``warm_start``.

    Raises:
        ShortlistError: what the job raises.
    """
    prepare_backend(debug=debug)
    from shortlist.cli.progress import StageLines
    from shortlist.recommender.job import Job

    with StageLines() as lines:
        job = Job(config, lines.finished, lines.progress, warm_start)
        return job.run()


def outcome(trained: Trained) -> dict[str, Any]:
    """What a job came to, for ``--json``: seconds by stage and in all, facts, metrics, bundle."""
    seconds = {stage.name: stage.seconds for stage in trained.stages}
    return {
        "seconds": {**seconds, "total": sum(seconds.values())},
        "facts": trained.facts,
        **judged(trained.report),
        "bundle": trained.bundle,
    }


def judged(report: Report) -> dict[str, Any]:
    """A report for ``--json``: the metrics by themselves, and how they came about."""
    found = report.to_dict()
    metrics = found.pop("metrics")
    return {"metrics": metrics, "evaluation": found}

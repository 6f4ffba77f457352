"""Seeds as replicates: the same evaluation of models trained again with other seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from shortlist.errors import DataError
from shortlist.evaluation.report import Report

__all__ = ["Spread", "average", "check_alike", "mean_overall", "spread"]


@dataclass(frozen=True)
class Spread:
    """A metric over several seeds or rounds.

    Attributes:
        mean: of the values.
        deviation: the standard deviation of the values, with ``n - 1``; 0 for one value.
        values: one a seed, or a round.
    """

    mean: float
    deviation: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """What ``values``, of which there is at least one, come to."""
        found = np.array(values, dtype=np.float64)
        deviation = float(found.std(ddof=1)) if len(found) > 1 else 0.0
        return cls(float(found.mean()), deviation, tuple(found.tolist()))

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.deviation:.4f}"


def spread(reports: Sequence[Report], metric: str) -> dict[str, Spread]:
    """How a metric varies over reports of the same models trained with different seeds.

    Raises:
        DataError: there is no report, or they are not of the same models and users.
    """
    _check(reports)
    return {
        model: Spread.of([report.metrics[model][metric] for report in reports])
        for model in reports[0].models
    }


def average(reports: Sequence[Report]) -> Report:
    """One report of the means over the seeds, user by user.

    Its intervals and comparisons are about the models and not about one lucky seed.

    Raises:
        DataError: there is no report, or they are not of the same models and users.
    """
    _check(reports)
    first = reports[0]
    per_user = {
        model: {
            name: np.mean([report.per_user[model][name] for report in reports], axis=0)
            for name in first.per_user[model]
        }
        for model in first.models
    }
    seconds = {
        model: float(np.mean([report.seconds[model] for report in reports]))
        for model in first.models
    }
    return replace(first, per_user=per_user, overall=mean_overall(reports), seconds=seconds)


def mean_overall(reports: Sequence[Report]) -> dict[str, dict[str, float]]:
    """The means of what reports of the same models say of whole runs."""
    first = reports[0]
    return {
        model: {
            name: float(np.mean([report.overall[model][name] for report in reports]))
            for name in first.overall[model]
        }
        for model in first.models
    }


def check_alike(reports: Mapping[str, Report]) -> None:
    """Raise `DataError`, which names the report, unless all have the same models and cut-offs."""
    first = next(iter(reports.values()))
    for name, report in reports.items():
        if report.models != first.models or report.ks != first.ks:
            raise DataError(
                f"Expected reports of the same models and cut-offs; {name} has {report.models} "
                f"at {report.ks}, the first {first.models} at {first.ks}."
            )


def _check(reports: Sequence[Report]) -> None:
    if not reports:
        raise DataError("Expected at least one report; received none.")
    check_alike({f"report {number}": report for number, report in enumerate(reports)})
    for number, report in enumerate(reports):
        if not np.array_equal(report.users, reports[0].users):
            raise DataError(f"Expected reports of the same users; report {number} has others.")

"""`Study`: everything a comparison found, which the page and the files are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from shortlist.evaluation import Comparison, Report, Spread
from shortlist.report.facts import DataFacts

__all__ = ["Cost", "Example", "Place", "Study", "Tuned"]


@dataclass(frozen=True)
class Cost:
    """What the last training of a model took.

    Attributes:
        seconds: on the clock.
        cpu_seconds: of all the process's threads.
        peak_bytes: the memory it needed beyond what was held before; None where the system does
            not tell.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int | None


@dataclass(frozen=True)
class Tuned:
    """How a model came by its options.

    Attributes:
        options: those it was trained with, beyond its defaults.
        value: the metric on validation; None where nothing was tried.
        trials: how many were tried to the end.
        pruned: how many were given up early.
        seconds: what all trials took.
    """

    options: Mapping[str, Any]
    value: float | None = None
    trials: int = 0
    pruned: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Place:
    """An item in a list, and whether the user met it in the test part."""

    title: str
    hit: bool = False


@dataclass(frozen=True)
class Example:
    """A user: what they did, latest first, and what each model would show them."""

    user: Any
    history: Sequence[str]
    met: int
    lists: Mapping[str, Sequence[Place]]


@dataclass(frozen=True, eq=False)
class Study:
    """A comparison of models on one split.

    Attributes:
        title: of the page.
        report: the evaluation on the test part.
        metric: the one that the models were tuned for, such as ``"ndcg@10"``.
        facts: of the whole data.
        costs: for each model that was trained.
        tuned: likewise.
        segments: a name and a label for each user ``[U]``, by which the metric is cut.
        examples: chosen users.
        left_out: a model and why it could not be fitted.
        spreads: for each model the metric over several seeds, where there are several.
    """

    title: str
    report: Report
    metric: str
    facts: DataFacts
    costs: Mapping[str, Cost] = field(default_factory=dict)
    tuned: Mapping[str, Tuned] = field(default_factory=dict)
    segments: Mapping[str, np.ndarray] = field(default_factory=dict)
    examples: Sequence[Example] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    spreads: Mapping[str, Spread] = field(default_factory=dict)

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Every pair of models on the metric."""
        return self.report.comparisons(self.metric)

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """For each model the interval of the metric."""
        return self.report.intervals(self.metric)

    @property
    def k(self) -> int:
        """The cut-off of the metric."""
        return int(self.metric.split("@")[1])

"""What a comparison is told: the file of a job, and a section ``[compare]``.

>>> data = {"dataset": "movielens-100k"}
>>> ComparisonConfig.from_dict({"data": data, "compare": {"trials": 5}}).compare.trials
5
>>> ComparisonConfig.from_dict({"data": data, "compare": {"models": ["eas"]}})
Traceback (most recent call last):
    ...
shortlist.errors.ConfigError: Unknown model 'eas' in `models` of [compare]. Did you mean 'ease'?...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from shortlist.comparison.contenders import CONTENDERS
from shortlist.errors import ConfigError, nearest
from shortlist.metrics.ranking import METRICS
from shortlist.recommender.config import Config
from shortlist.recommender.schema import check, positive

__all__ = ["CompareSection", "ComparisonConfig"]


@dataclass(frozen=True)
class CompareSection:
    """Which models, how they are tuned, and what is reported.

    Attributes:
        models: names out of `CONTENDERS`; popularity is always among them.
        metric: what is tuned for on validation, and what the comparisons are about.
        ks: the cut-offs of the curves.
        trials: how many options are tried for each model; 0 takes them as they are.
        seconds: how long the trials of one model may take, or None.
        validation: the share of the training part that is held out for tuning, by the same rule
            as the test part.
        seeds: how many times each model that draws at random is trained, with `seed` and the
            numbers after it; the report is about the means, user by user.
        options: for each model what is fixed, and so not tuned.
        categories: a column of the items for diversity and calibration.
        segments: columns of the users by which the metric is cut.
        users: whose lists are shown; some with short and some with long histories by default.
        folder: where it is written, a new number each time.
    """

    models: tuple[str, ...] = ("item-knn", "ease", "gf-cf", "ials", "two-towers")
    metric: str = "ndcg@10"
    ks: tuple[int, ...] = (1, 5, 10, 20, 50, 100)
    trials: int = 20
    seconds: float | None = None
    validation: float = 0.2
    seeds: int = 1
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    categories: str | None = None
    segments: tuple[str, ...] = ()
    users: tuple[Any, ...] = ()
    folder: str = "shortlist-comparisons/default"

    def __post_init__(self) -> None:
        for key, names in {"models": self.models, "options": self.options}.items():
            for name in names:
                if name not in CONTENDERS:
                    raise ConfigError(
                        f"Unknown model {name!r} in `{key}` of [compare]."
                        f"{nearest(name, CONTENDERS)} Known: {', '.join(CONTENDERS)}."
                    )
        twice = len(set(self.models)) < len(self.models)
        check("compare", "models", list(self.models), not twice, "each model once")
        for name, given in self.options.items():
            CONTENDERS[name].checked(name, given)
        for k in self.ks:
            positive("compare", "ks", k)
        metric, _, cut = self.metric.partition("@")
        good = metric in METRICS and cut.isdecimal() and int(cut) in self.ks
        wanted = f"one of {', '.join(METRICS)} with @ and one of the `ks` {list(self.ks)}"
        check("compare", "metric", self.metric, good, wanted)
        check("compare", "trials", self.trials, self.trials >= 0, "a whole number from 0 up")
        positive("compare", "seeds", self.seeds)
        share = 0.0 < self.validation < 1.0
        check("compare", "validation", self.validation, share, "a share between 0 and 1")
        if self.seconds is not None:
            positive("compare", "seconds", self.seconds)

    @property
    def k(self) -> int:
        """The cut-off of the metric."""
        return int(self.metric.partition("@")[2])


@dataclass(frozen=True)
class ComparisonConfig(Config):
    """The sections of a job's `Config`, and ``[compare]``."""

    compare: CompareSection = field(default_factory=CompareSection)

    def anchored(self, folder: Path) -> Self:
        """See `Config.anchored`; the folder of the comparison is taken from there too."""
        anchored = super().anchored(folder)
        where = str(folder / Path(self.compare.folder).expanduser())
        compare = dataclasses.replace(anchored.compare, folder=where)
        return dataclasses.replace(anchored, compare=compare)

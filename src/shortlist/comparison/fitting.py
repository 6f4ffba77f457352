"""Models fitted for one round: a split of the data, of which there may be several."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import polars as pl

from shortlist.comparison.config import ComparisonConfig
from shortlist.comparison.contenders import Contender, Material
from shortlist.data import Split
from shortlist.datasets import Dataset
from shortlist.errors import ConfigError, DataError
from shortlist.evaluation import Report, Truth
from shortlist.evaluation.run import Retriever
from shortlist.recommender.encoders import catalogue
from shortlist.report import Cost, Tuned

__all__ = ["CannotFitError", "Fitted", "Round", "fitting", "without"]


class CannotFitError(Exception):
    """A model is of no use for these data; what it said is kept as the reason."""


@dataclass(frozen=True, eq=False)
class Round:
    """One split, and what a model may learn from and recommend in it.

    Attributes:
        name: the window or fold; empty where there is one split.
        split: what is learned from and asked.
        material: the training part with the attributes.
        items: the catalogue.
    """

    name: str
    split: Split
    material: Material
    items: pl.DataFrame

    @classmethod
    def of(cls, name: str, split: Split, data: Dataset, config: ComparisonConfig) -> Self:
        """The round of ``split``."""
        material = Material(split.train, data.users, data.items, config)
        return cls(name, split, material, catalogue(split.train, data.items))

    def called(self, what: str) -> str:
        """``what`` with the name of the round."""
        return f"{what}, {self.name}" if self.name else what

    def truth(self) -> Truth:
        """The questions of the test part."""
        return Truth.of(self.split, items=self.items["item"], users=self.material.users)


@dataclass
class Fitted:
    """The models of a round, and what they took."""

    models: dict[str, Retriever] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    tuned: dict[str, Tuned] = field(default_factory=dict)


def fitting(
    contender: Contender, material: Material, options: Mapping[str, Any]
) -> Callable[[], Retriever]:
    """The work of fitting, of which the costs are measured.

    Raises:
        CannotFitError: on being called, where the model says that the data are not for it.
    """

    def fit() -> Retriever:
        try:
            return contender.fit(material, options)
        except (ConfigError, DataError) as error:
            raise CannotFitError(str(error)) from error

    return fit


def without(report: Report, models: Mapping[str, str]) -> Report:
    """The report of those that could be fitted in every round."""

    def kept(given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name not in models}

    return dataclasses.replace(
        report,
        per_user=kept(report.per_user),
        overall=kept(report.overall),
        seconds=kept(report.seconds),
    )

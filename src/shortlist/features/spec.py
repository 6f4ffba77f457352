"""What every feature spec is: hyperparameters that learn a state and are bound to it.

    spec (frozen, what the user wrote) --learn(column)--> state (JSON) --bind--> Feature

A state is what training data said, such as a mean; it is plain JSON, so that a feature bound to a
state read from disk is the very feature that was fitted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from shortlist.features.checks import text
from shortlist.features.vocabulary import Vocabulary

__all__ = ["Feature", "FeatureInfo", "Kind", "Spec", "State"]

Kind = Literal["categorical", "multi", "numeric", "vector"]
State = Mapping[str, Any]


@dataclass(frozen=True)
class FeatureInfo:
    """What a model needs to know to make a layer for a feature.

    Attributes:
        kind: "categorical" is int32 ``[N]`` codes, "multi" int32 ``[N, length]`` codes padded
            with 0, "numeric" float32 ``[N]`` and "vector" float32 ``[N, dim]``.
        size: the number of codes, with code 0 (unknown, missing or padding).
        length: the places in a row of a "multi" feature.
        dim: the width of a "vector" feature.
        vocabulary: the name of the vocabulary that gives the codes. Features of one name share
            their codes and may share an embedding table.
    """

    kind: Kind
    size: int | None = None
    length: int | None = None
    dim: int | None = None
    vocabulary: str | None = None


@dataclass(frozen=True)
class Feature:
    """A fitted feature: what it gives, and the function from its column to an array."""

    info: FeatureInfo
    transform: Callable[[pl.Series], np.ndarray]


@dataclass(frozen=True)
class Spec(ABC):
    """A feature as the user asks for it. Subclasses add their own hyperparameters.

    Args:
        column: the column it reads.
        name: the name of the feature; by default that of the column.
    """

    column: str
    _: KW_ONLY
    name: str = ""

    def __post_init__(self) -> None:
        text(column=self.column, name=self.name or self.column)
        object.__setattr__(self, "name", self.name or self.column)

    @property
    def learns(self) -> bool:
        """Whether `learn` has anything to learn; otherwise fitting does not need the column."""
        return False

    def learn(self, values: pl.Series) -> State:  # noqa: ARG002
        """What the column of the training data says, as JSON values."""
        return {}

    @abstractmethod
    def bind(self, state: State, vocabulary: Vocabulary | None = None) -> Feature:
        """The feature for a learned state."""

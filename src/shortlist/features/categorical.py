"""`Categorical` and `MultiCategorical`: ids as codes of a vocabulary."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass
from functools import partial

import numpy as np
import polars as pl

from shortlist.errors import DataError
from shortlist.features.checks import choice, positive, text
from shortlist.features.padding import Keep, pad
from shortlist.features.series import FEW, flatten, is_list
from shortlist.features.spec import Feature, FeatureInfo, Spec, State
from shortlist.features.vocabulary import Vocabulary

__all__ = ["Categorical", "MultiCategorical", "VocabularySpec"]


@dataclass(frozen=True)
class VocabularySpec(Spec):
    """A spec whose codes come from a vocabulary, its own or one it shares by name.

    Args:
        vocabulary: the name of the vocabulary; by default that of the feature. Features that
            name the same one share it: it is fitted on all of their columns together.
        min_count: ids seen fewer times in training are unknown.
        max_size: how many ids to keep at most: the most frequent.
    """

    _: KW_ONLY
    vocabulary: str | None = None
    min_count: int = 1
    max_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        text(vocabulary=self.vocabulary, optional=True)
        positive(min_count=self.min_count)
        positive(max_size=self.max_size, optional=True)

    @property
    def key(self) -> str:
        """The name of the vocabulary."""
        return self.vocabulary or self.name

    @abstractmethod
    def ids(self, values: pl.Series) -> pl.Series:
        """All ids in a column, one after the other."""


@dataclass(frozen=True)
class Categorical(VocabularySpec):
    """One id a row: int32 ``[N]`` codes, 0 for missing and unknown ids.

    >>> Categorical("country", min_count=5).key
    'country'
    """

    def ids(self, values: pl.Series) -> pl.Series:
        """The column itself."""
        return values

    def bind(self, state: State, vocabulary: Vocabulary | None = None) -> Feature:  # noqa: ARG002
        """The feature whose codes are those of ``vocabulary``."""
        known = _given(vocabulary)
        return Feature(
            FeatureInfo("categorical", size=known.size, vocabulary=self.key), known.encode
        )


@dataclass(frozen=True)
class MultiCategorical(VocabularySpec):
    """Several ids a row, such as genres or a history: int32 ``[N, L]`` codes.

    Missing and unknown ids are left out; then the codes come first, in the order of the column,
    and zeros after them. A missing list is an empty one.

    Args:
        separator: what stands between the ids where the column holds strings, such as ``"|"``.
            Spaces around an id are dropped, and so are empty ids. Lists need none.
        max_length: ``L``; None takes the length of the longest list in training.
        keep: which ids stay where a row has more than ``L`` known ones.

    >>> MultiCategorical("history", vocabulary="item", max_length=50).key
    'item'
    """

    _: KW_ONLY
    separator: str | None = None
    max_length: int | None = None
    keep: Keep = "last"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(max_length=self.max_length, optional=True)
        choice("keep", self.keep, ("last", "first"))
        text(separator=self.separator, optional=True)

    @property
    def learns(self) -> bool:
        """Only where no length is given."""
        return self.max_length is None

    def learn(self, values: pl.Series) -> State:
        """The length of the longest list."""
        if not self.learns:
            return {}
        entries, lengths = self._entries(values)
        rows = np.repeat(np.arange(len(lengths)), lengths)[entries.is_not_null().to_numpy()]
        return {"length": max(1, int(np.bincount(rows, minlength=1).max()))}

    def ids(self, values: pl.Series) -> pl.Series:
        """The entries of all lists."""
        return self._entries(values)[0]

    def bind(self, state: State, vocabulary: Vocabulary | None = None) -> Feature:
        """The feature whose codes are those of ``vocabulary``."""
        known = _given(vocabulary)
        length = int(self.max_length or state["length"])
        info = FeatureInfo("multi", size=known.size, length=length, vocabulary=self.key)
        return Feature(info, partial(self._transform, vocabulary=known, length=length))

    def _transform(self, values: pl.Series, vocabulary: Vocabulary, length: int) -> np.ndarray:
        entries, lengths = self._entries(values)
        return pad(vocabulary.encode(entries), lengths, length, self.keep)

    def _entries(self, values: pl.Series) -> tuple[pl.Series, np.ndarray]:
        if is_list(values.dtype):
            return flatten(values)
        if values.dtype == pl.Null:
            return values.clear(), np.zeros(len(values), dtype=np.int64)
        if values.dtype != pl.String or self.separator is None:
            hint = " Give separator= to split strings." if values.dtype == pl.String else ""
            raise DataError(f"Expected a list of ids in each row; received {values.dtype}.{hint}")
        return _split(values, self.separator)


def _split(values: pl.Series, separator: str) -> tuple[pl.Series, np.ndarray]:
    """What stands between separators, without spaces around it; what is empty becomes null."""
    if len(values) <= FEW:
        rows = [(value or "").split(separator) for value in values.to_list()]
        pieces = [piece.strip(" ") or None for row in rows for piece in row]
        return pl.Series(pieces, dtype=pl.String), np.array([len(row) for row in rows])
    entries, lengths = flatten(values.str.split(separator))
    piece = pl.col(entries.name).str.strip_chars(" ")
    return entries.to_frame().select(pl.when(piece != "").then(piece)).to_series(), lengths


def _given(vocabulary: Vocabulary | None) -> Vocabulary:
    if vocabulary is None:
        raise DataError("Expected a vocabulary; received none. Fit the feature with an Encoder.")
    return vocabulary

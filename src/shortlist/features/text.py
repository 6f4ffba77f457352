"""`Text`: titles and descriptions as hashed n-grams."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, DataError
from shortlist.features.checks import choice, positive
from shortlist.features.hashing import hash_codes
from shortlist.features.padding import pad
from shortlist.features.series import FEW
from shortlist.features.spec import Feature, FeatureInfo, Spec, State
from shortlist.features.vocabulary import Vocabulary

__all__ = ["Text"]

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Text(Spec):
    """The n-grams of a text, hashed: int32 ``[N, L]`` codes from 1 to ``buckets``, padded with 0.

    Texts are lower-cased. N-grams come in the order of the text, the shorter ones first; repeated
    ones stay. Nothing is learned but ``L``. The hash is that of `Hashed`. A missing text has no
    n-grams.

    Args:
        buckets: the number of codes, code 0 not counted.
        ngrams: how many units in a row make an n-gram; several sizes may be given.
        unit: "word" (letters, digits and underscores in a row) or "character", which also
            suits languages without spaces and misspelt words (with ngrams such as [3, 4]).
        max_length: ``L``, the n-grams kept of each text, the first ones; None takes the largest
            number in training.

    >>> title = Text("title", buckets=1000, ngrams=[1, 2], max_length=4).bind({})
    >>> title.transform(pl.Series(["The Net", "Net", None])).tolist()
    [[850, 596, 698, 0], [596, 0, 0, 0], [0, 0, 0, 0]]
    """

    buckets: int = 10_000
    ngrams: Sequence[int] = (1, 2)
    _: KW_ONLY
    unit: Literal["word", "character"] = "word"
    max_length: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(buckets=self.buckets)
        positive(max_length=self.max_length, optional=True)
        choice("unit", self.unit, ("word", "character"))
        sizes = (self.ngrams,) if isinstance(self.ngrams, int) else tuple(self.ngrams)
        for size in sizes:
            positive(ngrams=size)
        if not sizes or len(set(sizes)) != len(sizes):
            raise ConfigError(f"ngrams must be distinct sizes, at least one; received {sizes}.")
        object.__setattr__(self, "ngrams", tuple(sorted(sizes)))

    @property
    def learns(self) -> bool:
        """Only where no length is given."""
        return self.max_length is None

    def learn(self, values: pl.Series) -> State:
        """The number of n-grams in the longest text."""
        if not self.learns:
            return {}
        texts = _texts(values).unique().drop_nulls()
        return {"length": max([1, *(len(list(self._ngrams(text))) for text in texts)])}

    def bind(self, state: State, vocabulary: Vocabulary | None = None) -> Feature:  # noqa: ARG002
        """The feature with the learned length."""
        length = int(self.max_length or state["length"])
        info = FeatureInfo("multi", size=self.buckets + 1, length=length)
        return Feature(info, partial(self._transform, length=length))

    def _transform(self, values: pl.Series, length: int) -> np.ndarray:
        texts = _texts(values)
        if len(texts) <= FEW:
            return self._codes(texts, length)
        distinct = texts.unique(maintain_order=True).drop_nulls()
        table = np.zeros((len(distinct) + 1, length), dtype=np.int32)
        if distinct.is_empty():
            return table[np.zeros(len(texts), dtype=np.int32)]
        table[1:] = self._codes(distinct, length)
        return table[Vocabulary(distinct).encode(texts)]

    def _codes(self, texts: pl.Series, length: int) -> np.ndarray:
        rows = [list(self._ngrams(text or "")) for text in texts.to_list()]
        flat = pl.Series([ngram for row in rows for ngram in row], dtype=pl.String)
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return pad(hash_codes(flat, self.buckets), lengths, length, keep="first")

    def _ngrams(self, text: str) -> Iterator[str]:
        # By Python, for one row and for millions: a second set of Unicode rules would differ.
        words = self.unit == "word"
        units = _WORD.findall(text.lower()) if words else list(text.lower())
        for size in self.ngrams:
            for start in range(len(units) - size + 1):
                yield (" " if words else "").join(units[start : start + size])


def _texts(values: pl.Series) -> pl.Series:
    if values.dtype not in (pl.String, pl.Null):
        raise DataError(f"Expected a column of strings; received {values.dtype}. Cast it first.")
    return values.cast(pl.String)

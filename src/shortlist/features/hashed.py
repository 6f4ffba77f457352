"""`Hashed`: ids as buckets of a hash, where they are too many or too new for a vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from shortlist.features.checks import positive
from shortlist.features.hashing import hash_codes
from shortlist.features.series import id_kind
from shortlist.features.spec import Feature, FeatureInfo, Spec, State
from shortlist.features.vocabulary import Vocabulary

__all__ = ["Hashed"]


@dataclass(frozen=True)
class Hashed(Spec):
    """One id a row, of any kind: int32 ``[N]`` codes from 1 to ``buckets``, 0 if missing.

    Nothing is learned, so every id has a code, and different ids may share one. The hash is the
    same in every process, on every machine and in every release (see `hashing`); an integer and
    its digits as a string have the same code.

    Args:
        buckets: the number of codes, code 0 not counted.

    >>> device = Hashed("device", buckets=1000).bind({})
    >>> device.transform(pl.Series(["phone", None, "phone"])).tolist()
    [341, 0, 341]
    """

    buckets: int = 10_000

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(buckets=self.buckets)

    def bind(self, state: State, vocabulary: Vocabulary | None = None) -> Feature:  # noqa: ARG002
        """The feature; there is nothing to bind."""
        return Feature(FeatureInfo("categorical", size=self.buckets + 1), self._transform)

    def _transform(self, values: pl.Series) -> np.ndarray:
        id_kind(values.dtype)  # raises where they are no ids
        return hash_codes(values, self.buckets)

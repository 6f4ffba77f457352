"""`Vector`: numbers made elsewhere, such as embeddings of images or texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from shortlist.errors import DataError
from shortlist.features.checks import finite, positive
from shortlist.features.series import flatten
from shortlist.features.spec import Feature, FeatureInfo, Spec, State
from shortlist.features.vocabulary import Vocabulary

__all__ = ["Vector"]


@dataclass(frozen=True)
class Vector(Spec):
    """A list of ``dim`` numbers a row: float32 ``[N, dim]``, as they are.

    A missing row becomes zeros. A row of another length, and a value in it that is missing, NaN
    or infinite, is an error.

    Args:
        dim: the numbers in each row.

    >>> cover = Vector("cover", dim=2).bind({})
    >>> cover.transform(pl.Series([[1.0, 2.0], None])).tolist()
    [[1.0, 2.0], [0.0, 0.0]]
    """

    dim: int

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(dim=self.dim)

    def bind(self, state: State, vocabulary: Vocabulary | None = None) -> Feature:  # noqa: ARG002
        """The feature; there is nothing to bind."""
        return Feature(FeatureInfo("vector", dim=self.dim), self._transform)

    def _transform(self, values: pl.Series) -> np.ndarray:
        dtype = values.dtype
        if dtype == pl.Null:
            return np.zeros((len(values), self.dim), dtype=np.float32)
        if not isinstance(dtype, pl.List | pl.Array):
            raise DataError(
                f"Expected {self.dim} numbers in each row; received {dtype}. Give a list column, "
                "or a NumPy array of two dimensions."
            )
        inner = cast(pl.DataType, dtype.inner)
        if not (inner.is_numeric() or inner == pl.Null):
            raise DataError(f"Expected numbers in each row; received {dtype}.")
        try:
            vectors = values.cast(pl.Array(pl.Float32, self.dim)).to_numpy()
        except pl.exceptions.PolarsError as error:
            raise DataError(self._wrong_length(values)) from error
        if values.null_count():
            vectors = np.where(values.is_null().to_numpy()[:, None], np.float32(0), vectors)
        return finite(vectors, "vectors")

    def _wrong_length(self, values: pl.Series) -> str:
        lengths = flatten(values)[1]
        wrong = (lengths != self.dim) & values.is_not_null().to_numpy()
        row = int(np.flatnonzero(wrong)[0])
        return f"Expected {self.dim} numbers in each row; row {row} has {lengths[row]}."

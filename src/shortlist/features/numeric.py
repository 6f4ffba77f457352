"""`Numeric`: a number a row, scaled or cut into buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, DataError
from shortlist.features.checks import choice, finite
from shortlist.features.spec import Feature, FeatureInfo, Spec, State
from shortlist.features.vocabulary import Vocabulary

__all__ = ["Numeric", "numbers"]

Transform = Literal["standardize", "log", "bucketize"]


@dataclass(frozen=True)
class Numeric(Spec):
    """A number a row: float32 ``[N]``, or int32 ``[N]`` codes if cut into buckets.

    A missing value (null or NaN) becomes the training mean of what the transform gives, so 0
    where that is standardized. Where it matters that a value is missing use "bucketize": there
    it has code 0, a code of its own. Infinite values are an error.

    Args:
        transform: what is done with the values.

            - "standardize": less the training mean, divided by the training deviation.
            - "log": ``sign(x) log(1 + |x|)``, then standardized: for counts, prices, durations.
            - "bucketize": the number of the bucket, from 1, as a "categorical" feature.
            - None: nothing; missing values become the training mean.

        buckets: for "bucketize". A whole number asks for so many buckets of about equally many
            training rows (fewer where values repeat); numbers are the edges themselves, ascending.
            A value equal to an edge belongs to the bucket above it.

    >>> year = Numeric("year").bind({"mean": 1990.0, "scale": 10.0})
    >>> year.transform(pl.Series([2000, None])).tolist()
    [1.0, 0.0]
    >>> age = Numeric("age", transform="bucketize", buckets=[18, 65]).bind({})
    >>> age.transform(pl.Series([17, 18, 70, None])).tolist(), age.info.size
    ([1, 2, 3, 0], 4)
    """

    transform: Transform | None = "standardize"
    buckets: int | Sequence[float] = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("transform", self.transform, ("standardize", "log", "bucketize", None))
        if not isinstance(self.buckets, int):
            object.__setattr__(self, "buckets", _edges(self.buckets))
        elif isinstance(self.buckets, bool) or self.buckets < 2:
            raise ConfigError(f"buckets must be at least 2, or edges; received {self.buckets!r}.")

    @property
    def learns(self) -> bool:
        """Always, but where the edges of the buckets are given."""
        return self.transform != "bucketize" or isinstance(self.buckets, int)

    def learn(self, values: pl.Series) -> State:
        """Mean and scale, or the edges of the buckets."""
        if not self.learns:
            return {}
        found = numbers(values)
        found = found[~np.isnan(found)]
        if not len(found):
            raise DataError("Expected numbers in the training data; every value is missing.")
        if self.transform == "bucketize":
            return {"edges": _quantiles(found, int(self.buckets))}  # type: ignore[arg-type]
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = float(np.mean(self._bend(found))), float(np.std(self._bend(found)))
        if not np.isfinite([mean, deviation]).all():
            raise DataError("The values are too large to be averaged. Use transform='log'.")
        # A constant column deviates by rounding only, which must not be blown up.
        constant = deviation <= 1e-12 * abs(mean)
        return {"mean": mean, "scale": 1.0 if constant else deviation}

    def bind(self, state: State, vocabulary: Vocabulary | None = None) -> Feature:  # noqa: ARG002
        """The feature with the learned mean and scale, or edges."""
        if self.transform == "bucketize":
            edges = np.asarray(self.buckets if not self.learns else state["edges"], dtype=float)
            info = FeatureInfo("categorical", size=len(edges) + 2)
            return Feature(info, partial(_cut, edges=edges))
        scale = partial(self._scale, mean=float(state["mean"]), scale=float(state["scale"]))
        return Feature(FeatureInfo("numeric"), scale)

    def _bend(self, values: np.ndarray) -> np.ndarray:
        return np.sign(values) * np.log1p(np.abs(values)) if self.transform == "log" else values

    def _scale(self, values: pl.Series, mean: float, scale: float) -> np.ndarray:
        bent = self._bend(numbers(values))
        bent = np.where(np.isnan(bent), mean, bent)
        return finite(bent if self.transform is None else (bent - mean) / scale, "numbers")


def numbers(values: pl.Series) -> np.ndarray:
    """A column of numbers as float64 ``[N]``, NaN where one is missing.

    Raises:
        DataError: the column holds no numbers, or an infinite one.
    """
    dtype = values.dtype
    if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
        hint = (
            " Use Timestamp for times." if dtype.is_temporal() else " Cast it, or check the file."
        )
        raise DataError(f"Expected a column of numbers; received {dtype}.{hint}")
    found = values.cast(pl.Float64).to_numpy()
    if np.isinf(found).any():
        row = int(np.flatnonzero(np.isinf(found))[0])
        raise DataError(
            f"Expected finite numbers; row {row} has {found[row]}. Use null for what is missing."
        )
    return found


def _cut(values: pl.Series, edges: np.ndarray) -> np.ndarray:
    found = numbers(values)
    codes = 1 + np.searchsorted(edges, found, side="right")
    return np.where(np.isnan(found), 0, codes).astype(np.int32)


def _quantiles(values: np.ndarray, buckets: int) -> list[float]:
    """The distinct inner edges, each a value that occurs."""
    shares = np.arange(1, buckets) / buckets
    edges = np.unique(np.quantile(values, shares, method="higher"))
    # Nothing could fall below an edge at the minimum.
    return [float(edge) for edge in edges if edge > values.min()]


def _edges(edges: Any) -> tuple[float, ...]:
    try:
        found = tuple(float(edge) for edge in edges)
    except (TypeError, ValueError):
        found = ()
    ascending = all(low < high for low, high in pairwise(found))
    if not found or not ascending or not np.isfinite(found).all():
        raise ConfigError(
            f"buckets must be a whole number or ascending finite edges; received {edges!r}."
        )
    return found

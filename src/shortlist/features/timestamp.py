"""`Timestamp`: what a moment says about habits: hour, weekday, season, age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, DataError
from shortlist.features.checks import choice
from shortlist.features.numeric import numbers
from shortlist.features.spec import Feature, FeatureInfo, Spec, State
from shortlist.features.vocabulary import Vocabulary

__all__ = ["Timestamp"]

_DAY = 86_400
# How many values each part has. Monday is weekday 0; a leap year has 366 days.
_PERIODS = {"hour": 24, "weekday": 7, "month": 12, "day_of_year": 366}
_UNITS = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
# Seconds past the year 5000: milliseconds given as seconds.
_LIMIT = 1e11


@dataclass(frozen=True)
class Timestamp(Spec):
    """Parts of a moment, all in UTC: a "vector" of cycles, or a "multi" feature of codes.

    The column holds datetimes, dates, or numbers of seconds since 1970. Datetimes with a time
    zone are taken to UTC; those without are taken as they stand, so local time can be given so.

    Args:
        parts: any of "hour", "weekday", "month", "day_of_year", "age".
        encoding: how the parts become numbers.

            - "cyclic": each part is a sine and a cosine, so that 23 h is near 0 h; float32
              ``[N, D]``. A missing moment is 0 in all of them, a point no moment has.
              "age" is one number, ``log(1 + days)`` before the latest moment in training, and 0
              after it; a missing moment has the training mean. (What the model learns of age is
              how tastes drift; at serving time every event has age 0, as in Covington et al.,
              Deep Neural Networks for YouTube Recommendations, 2016.)
            - "codes": each part is a code in a range of its own, so that one embedding table
              holds all parts; int32 ``[N, parts]``. A missing moment is code 0. Not for "age".

    >>> moment = Timestamp("time", parts=["hour", "weekday"], encoding="codes").bind({})
    >>> moment.transform(pl.Series([0, 3_600, None])).tolist(), moment.info.size
    ([[1, 28], [2, 28], [0, 0]], 32)
    """

    parts: Sequence[str] = ("hour", "weekday")
    encoding: Literal["cyclic", "codes"] = "cyclic"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("encoding", self.encoding, ("cyclic", "codes"))
        parts = (self.parts,) if isinstance(self.parts, str) else tuple(self.parts)
        object.__setattr__(self, "parts", parts)
        for part in parts:
            choice("parts", part, (*_PERIODS, "age"))
        if not parts or len(set(parts)) != len(parts):
            raise ConfigError(f"parts must be distinct and at least one; received {parts}.")
        if "age" in parts and self.encoding == "codes":
            raise ConfigError("The part 'age' is no code; use encoding='cyclic' for it.")

    @property
    def learns(self) -> bool:
        """Only the part "age" needs to know the training data."""
        return "age" in self.parts

    def learn(self, values: pl.Series) -> State:
        """The latest moment and the mean age."""
        if not self.learns:
            return {}
        seconds = _seconds(values)
        if np.isnan(seconds).all():
            raise DataError("Expected moments in the training data; every value is missing.")
        latest = float(np.nanmax(seconds))
        return {"latest": latest, "mean_age": float(np.nanmean(_age(seconds, latest)))}

    def bind(self, state: State, vocabulary: Vocabulary | None = None) -> Feature:  # noqa: ARG002
        """The feature, with the learned latest moment where "age" needs it."""
        if self.encoding == "codes":
            size = 1 + sum(_PERIODS[part] for part in self.parts)
            return Feature(FeatureInfo("multi", size=size, length=len(self.parts)), self._codes)
        dim = sum(1 if part == "age" else 2 for part in self.parts)
        return Feature(FeatureInfo("vector", dim=dim), partial(self._cycles, state=state))

    def _codes(self, values: pl.Series) -> np.ndarray:
        seconds = _seconds(values)
        codes = np.zeros((len(seconds), len(self.parts)), dtype=np.int32)
        known = ~np.isnan(seconds)
        first = 1
        for place, part in enumerate(self.parts):
            codes[known, place] = first + _part(seconds[known], part)
            first += _PERIODS[part]
        return codes

    def _cycles(self, values: pl.Series, state: State) -> np.ndarray:
        seconds = _seconds(values)
        known = ~np.isnan(seconds)
        columns: list[np.ndarray] = []
        for part in self.parts:
            if part == "age":
                age = _age(seconds, state["latest"])
                columns.append(np.where(known, age, state["mean_age"]))
                continue
            angle = 2 * np.pi * _part(np.where(known, seconds, 0), part) / _PERIODS[part]
            columns += [np.sin(angle) * known, np.cos(angle) * known]
        return np.stack(columns, axis=1).astype(np.float32)


def _seconds(values: pl.Series) -> np.ndarray:
    """Whole seconds since 1970 as float64, NaN where the moment is missing."""
    dtype = values.dtype
    if isinstance(dtype, pl.Datetime):
        # Whole numbers first: float64 cannot hold nanoseconds since 1970 exactly.
        return numbers(values.cast(pl.Int64) // _UNITS[dtype.time_unit])
    if dtype == pl.Date:
        return numbers(values.cast(pl.Int32)) * _DAY
    if dtype == pl.String or dtype.is_temporal():
        raise DataError(
            f"Expected datetimes, dates or seconds since 1970; received {dtype}. Parse or convert "
            "the column first, for example with .str.to_datetime()."
        )
    seconds = np.floor(numbers(values))
    if (far := np.abs(seconds) > _LIMIT).any():
        row = int(np.flatnonzero(far)[0])
        raise DataError(
            f"Expected seconds since 1970; row {row} has {seconds[row]:.0f}, which lies beyond the "
            "year 5000. Divide milliseconds by 1,000."
        )
    return seconds


def _part(seconds: np.ndarray, part: str) -> np.ndarray:
    """The part of each moment, counted from 0."""
    if part == "hour":
        return (seconds // 3_600 % 24).astype(np.int64)
    days = (seconds // _DAY).astype(np.int64)
    if part == "weekday":
        return (days + 3) % 7  # 1970 began on a Thursday
    dates = days.astype("datetime64[D]")
    if part == "month":
        return dates.astype("datetime64[M]").astype(np.int64) % 12
    return (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)


def _age(seconds: np.ndarray, latest: float) -> np.ndarray:
    return np.log1p(np.maximum(latest - seconds, 0) / _DAY)

"""Dense codes for ids, and the one stable order of events in time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import SchemaError

__all__ = ["IdIndex", "first_appearance", "time_order"]

# Up to so many ids bisection in Python is faster than setting up a vectorised search.
_FEW = 64


def first_appearance(ids: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Distinct ids ``[U]`` in order of first appearance, and each row's place among them ``[N]``.

    >>> distinct, codes = first_appearance(pl.Series(["b", "a", "b"]))
    >>> distinct.tolist(), codes.tolist()
    (['b', 'a'], [0, 1, 0])
    """
    column = ids.alias("id").to_frame()
    distinct = column.unique(maintain_order=True)
    codes = column.join(
        distinct.with_row_index("code"), on="id", how="left", maintain_order="left"
    )["code"]
    return distinct["id"].to_numpy(), codes.to_numpy().astype(np.int32)


def time_order(codes: np.ndarray, times: np.ndarray | None) -> np.ndarray:
    """Rows ``[N]`` sorted by code, then time; ties stay in the order of the rows.

    Args:
        codes: ``[N]`` integers >= 0, such as user codes.
        times: ``[N]`` numbers, or None to keep each code's rows in their own order.

    >>> time_order(np.array([1, 0, 1, 1]), np.array([5, 9, 5, 2])).tolist()
    [1, 3, 0, 2]
    """
    if len(codes) == 0:
        return np.empty(0, dtype=np.int64)
    key = codes.astype(np.int64)
    if times is not None:
        if not np.issubdtype(times.dtype, np.integer):
            return np.lexsort((times, codes))
        first = int(times.min())
        span = int(times.max()) - first + 1
        if (int(key.max()) + 1) * span >= 2**63:
            return np.lexsort((times, codes))
        # One integer key sorts several times faster than two columns.
        key = key * span + (times - first)
    frame = pl.DataFrame({"key": key})
    order = frame.select(pl.arg_sort_by("key", maintain_order=True)).to_series()
    return order.to_numpy().astype(np.int64)


class IdIndex:
    """Looks ids up in a fixed list of distinct ids: ``[B]`` ids to ``[B]`` places, -1 if unknown.

    Args:
        ids: ``[U]`` distinct integers, strings or bytes.

    >>> index = IdIndex(np.array(["b", "a"], dtype=object))
    >>> index.places(["a", "z", None]).tolist()
    [1, -1, -1]
    """

    def __init__(self, ids: np.ndarray) -> None:
        values = _as_series(ids)
        self._kind = _kind(values.dtype)
        self._order = values.arg_sort().to_numpy().astype(np.int64)
        self._sorted = values.gather(self._order)
        self._bisected = self._sorted.to_numpy() if self._kind == "integers" else self._sorted

    def __len__(self) -> int:
        return len(self._order)

    def places(self, ids: Iterable[Any]) -> np.ndarray:
        """Each id's place ``[B]`` int64 among the distinct ids; -1 for null and unknown ids.

        Raises:
            SchemaError: the ids asked for are of another kind, such as strings for integers.
        """
        asked = _as_series(ids)
        if not len(self) or asked.null_count() == len(asked):
            return np.full(len(asked), -1, dtype=np.int64)
        kind = _kind(asked.dtype)
        if kind != self._kind:
            raise SchemaError(
                f"Expected ids that are {self._kind}, as in the data; received {kind}, such as "
                f"{asked.drop_nulls()[0]!r}. Convert them to {self._kind} first."
            )
        if len(asked) <= _FEW:
            return np.array([self._place(value) for value in asked.to_list()], dtype=np.int64)
        if kind == "integers":
            asked = asked.cast(pl.Int64)
        places = np.minimum(self._sorted.search_sorted(asked).to_numpy(), len(self) - 1)
        found = (self._sorted.gather(places) == asked).fill_null(value=False).to_numpy()
        return np.where(found, self._order[places], -1)

    def _place(self, value: Any) -> int:
        if value is None:
            return -1
        # Text and bytes are in the order of Python's as well: that of their code points.
        place = bisect_left(self._bisected, value)
        found = place < len(self) and self._bisected[place] == value
        return int(self._order[place]) if found else -1


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_integer():
        return "integers"
    return {pl.String: "strings", pl.Binary: "bytes"}.get(dtype.base_type(), str(dtype))


def _as_series(ids: Iterable[Any]) -> pl.Series:
    if isinstance(ids, np.ndarray) and ids.dtype == object:
        ids = ids.tolist()
    try:
        return pl.Series("id", ids)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise SchemaError(f"Expected ids of one type: {error}") from error

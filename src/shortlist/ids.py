"""Ids of any kind, as one-dimensional arrays, and where each stands in a collection.

positions = IdMap(np.array(["a", "b"]))      # "a" stands at 0, "b" at 1
flat, owners = flatten([["b"], ["z", "a"]])  # ragged lists -> one array and whose each is
positions.of(flat)                           # [1, -1, 0]: "z" is unknown
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.errors import DataError

__all__ = ["IdMap", "as_ids", "filler", "flatten"]

_INT64 = np.iinfo(np.int64)
# A list of ids long enough that looking up each by itself is felt.
_LONG = 4096


def as_ids(ids: Any) -> np.ndarray:
    """Return ``ids`` as a one-dimensional array without changing any of them.

    Integers become int64 and strings a NumPy string array; anything else, and any mixture, is kept
    as it is in an object array (NumPy alone would turn ``[1, "a"]`` into two strings and a list of
    tuples into a matrix). Arrays and polars or pandas series pass through.

    Raises:
        DataError: ``ids`` is a single string or a number, or an array that is not of one dimension.

    >>> as_ids([1, "a"]).tolist()
    [1, 'a']
    >>> as_ids([("shop", 1), ("shop", 2)]).shape
    (2,)
    """
    if hasattr(ids, "null_count") and ids.null_count():
        ids = ids.to_list()  # NumPy has no null, and makes floats of such integers.
    elif hasattr(ids, "to_numpy"):
        ids = ids.to_numpy()
    if isinstance(ids, np.ndarray):
        if ids.ndim != 1:
            raise DataError(f"Expected a 1-D array of ids; received one of shape {ids.shape}.")
        return ids
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise DataError(f"Expected a list or an array of ids; received {ids!r}. Put it in a list.")
    listed = list(ids)
    kinds = {type(value) for value in listed}
    if kinds == {int} and _INT64.min <= min(listed) and max(listed) <= _INT64.max:
        return np.array(listed, dtype=np.int64)
    # NumPy strings drop null characters at their end, so such ids have to stay Python strings.
    if kinds == {str} and not any(value.endswith("\0") for value in listed):
        return np.array(listed)
    if kinds and all(issubclass(kind, np.integer) for kind in kinds):
        return np.array(listed)
    return _boxed(listed)


def _boxed(values: list[Any]) -> np.ndarray:
    """An object array of ``values`` one by one, so that tuples are not unpacked."""
    box = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        box[place] = value
    return box


def flatten(rows: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Join ragged lists of ids: all ids in one array, and the row (int64) each comes from.

    >>> flat, owners = flatten([["b"], [], ["z", "a"]])
    >>> flat.tolist(), owners.tolist()
    (['b', 'z', 'a'], [0, 2, 2])
    """
    arrays = [as_ids(row) for row in rows]
    owners = np.repeat(np.arange(len(arrays)), [len(array) for array in arrays])
    # An empty list has no kind of its own and must not decide that of the others.
    filled = [array for array in arrays if len(array)]
    if not filled:
        return np.empty(0, dtype=np.int64), owners
    if len({array.dtype.kind for array in filled}) > 1:
        filled = [_boxed(array.tolist()) for array in filled]
    return np.concatenate(filled), owners


def filler(dtype: np.dtype[Any]) -> np.ndarray:
    """One id of ``dtype`` to stand in a place that holds no item (-1, an empty string or None)."""
    if dtype.kind in "iuf":
        return np.array([-1]).astype(dtype)
    return np.array([None], dtype=object) if dtype.kind == "O" else np.zeros(1, dtype=dtype)


@dataclass(frozen=True, eq=False)
class _Table:
    """Places by number, for integer ids that lie close together."""

    lowest: int
    places: np.ndarray

    @property
    def fits(self) -> bool:
        return len(self.places) > 0

    @classmethod
    def of(cls, places: dict[Any, int]) -> _Table:
        """Make the table; an empty one if the ids are not integers or lie too far apart."""
        if set(map(type, places)) != {int}:
            return cls(0, np.empty(0, dtype=np.int64))
        lowest, highest = min(places), max(places)
        if highest - lowest > 8 * len(places) + 1024 or highest + 1 > _INT64.max:
            return cls(0, np.empty(0, dtype=np.int64))
        table = np.full(highest - lowest + 2, -1, dtype=np.int64)
        keys = np.fromiter(places, dtype=np.int64, count=len(places))
        table[keys - lowest] = np.fromiter(places.values(), dtype=np.int64, count=len(places))
        return cls(lowest, table)

    def look_up(self, ids: np.ndarray) -> np.ndarray:
        """The place of each id; what is outside the table leads to its last entry, -1."""
        last = len(self.places) - 1
        inside = (ids >= self.lowest) & (ids <= self.lowest + last)
        offsets = np.full(len(ids), last, dtype=np.int64)
        offsets[inside] = ids[inside].astype(np.int64) - self.lowest
        return self.places[offsets]


class IdMap:
    """Where each id stands in an array of distinct ids.

    Args:
        ids: the ids, of any hashable kind.

    Raises:
        DataError: an id occurs twice or cannot be hashed.

    >>> IdMap(["a", "b"]).of(["b", "z"]).tolist()
    [1, -1]
    """

    def __init__(self, ids: Any) -> None:
        listed = as_ids(ids).tolist()
        self._table: _Table | None = None
        self._asked = 0
        try:
            self._places = dict(zip(listed, range(len(listed)), strict=True))
        except TypeError as error:
            raise DataError(f"Ids must be hashable: {error}.") from None
        if len(self._places) != len(listed):
            place = next(p for p, value in enumerate(listed) if self._places[value] != p)
            raise DataError(
                f"Expected distinct ids; {listed[place]!r} stands in row {place} "
                f"and again in row {self._places[listed[place]]}."
            )

    def of(self, ids: Any) -> np.ndarray:
        """The place of each id, int64; -1 for ids that are not here."""
        array = as_ids(ids)
        # For many integers a table is worth its making; it is kept until something changes, so that
        # long lists in several calls are many as well.
        self._asked += len(array) if len(array) >= _LONG else 0
        if array.dtype.kind in "iu" and 8 * max(self._asked, len(array)) > len(self):
            if self._table is None:
                self._table = _Table.of(self._places)
            if self._table.fits:
                return self._table.look_up(array)
        listed = array.tolist()
        places = map(self._places.get, listed, [-1] * len(listed))
        return np.fromiter(places, dtype=np.int64, count=len(listed))

    def put(self, ids: Any, places: np.ndarray) -> None:
        """Add ids or move the ones that are here to other places."""
        self._table, self._asked = None, 0
        self._places.update(zip(as_ids(ids).tolist(), places.tolist(), strict=True))

    def drop(self, ids: Any) -> None:
        """Forget ids; ones that are not here are passed over."""
        self._table, self._asked = None, 0
        for value in as_ids(ids).tolist():
            self._places.pop(value, None)

    def __contains__(self, value: object) -> bool:
        return value in self._places

    def __len__(self) -> int:
        return len(self._places)

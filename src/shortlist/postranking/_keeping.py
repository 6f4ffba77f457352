"""Which items a cap of several values an item keeps, going down each list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["MANY", "down_each", "down_together"]

#: From so many lists on it is faster to go down all of them together.
MANY = 16
# How many counts are kept at a time.
_COUNTS = 2**20


def down_each(
    places: np.ndarray, valid: np.ndarray, sets: Sequence[frozenset[int]], at_most: int
) -> np.ndarray:
    """Go down the lists one by one.

    It is plain Python, as most items of a list meet a value that is full.

    Args:
        places: ``[B, P]``, the row of each item in ``sets``.
        valid: ``[B, P]``, with all valid places in front.
        sets: the codes of the values of each row.
        at_most: how many items of a value are kept.

    Returns:
        ``[B, P]``, True for items of which no value had been kept ``at_most`` times.
    """
    kept = np.zeros(places.shape, dtype=bool)
    for row, size in enumerate(valid.sum(axis=1).tolist()):
        used: dict[int, int] = {}
        full: set[int] = set()
        columns = []
        for column, place in enumerate(places[row, :size].tolist()):
            mine = sets[place]
            if not full.isdisjoint(mine):
                continue
            columns.append(column)
            for code in mine:
                used[code] = used.get(code, 0) + 1
                if used[code] == at_most:
                    full.add(code)
        kept[row, columns] = True
    return kept


def down_together(
    places: np.ndarray, valid: np.ndarray, codes: np.ndarray, values: int, at_most: int
) -> np.ndarray:
    """As `down_each`, a place of every list at a time.

    Args:
        places: ``[B, P]``, the row of each item in ``codes``.
        valid: ``[B, P]``.
        codes: ``[N + 1, L]`` below ``values``, -1 where an item has no further value.
        values: how many values there are.
        at_most: how many items of a value are kept.
    """
    kept = np.zeros(valid.shape, dtype=bool)
    # What is no value is counted behind all values.
    columns = [np.where(codes < 0, values, codes)[:, each] for each in range(codes.shape[1])]
    size = max(1, _COUNTS // (values + 1))
    for start in range(0, len(places), size):
        part = slice(start, start + size)
        kept[part] = _down(places[part], valid[part], columns, values, at_most)
    return kept


def _down(
    places: np.ndarray, valid: np.ndarray, columns: list[np.ndarray], values: int, at_most: int
) -> np.ndarray:
    # How many more items of each value a list may have; of what is no value, any number.
    most = min(at_most, places.shape[1])
    left = np.full((len(places), values + 1), most, dtype=np.int32)
    left[:, -1] = np.iinfo(np.int32).max
    flat, starts = left.reshape(-1), (values + 1) * np.arange(len(places))
    # Place by place, and what is compared side by side: [P, L, B].
    mine = np.empty((places.shape[1], len(columns), len(places)), dtype=np.int64)
    turned = np.ascontiguousarray(places.T)
    for each, column in enumerate(columns):
        np.add(column.take(turned), starts, out=mine[:, each])
    kept = np.empty(valid.shape[::-1], dtype=bool)
    for at, there, fits in zip(mine, np.ascontiguousarray(valid.T), kept, strict=True):
        room = flat.take(at)
        np.logical_and(room.min(axis=0), there, out=fits)
        room -= fits
        flat[at] = room
    return kept.T

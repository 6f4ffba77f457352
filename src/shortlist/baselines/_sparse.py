"""`Sparse`: a matrix of few entries, with the three products the baselines need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shortlist.data import Interactions

__all__ = ["Sparse", "met"]

_AT_ONCE = 2**23


@dataclass(frozen=True, eq=False)
class Sparse:
    """A matrix ``[R, width]``, row by row.

    Attributes:
        starts: ``[R + 1]``, where each row's entries begin; the last is their number ``P``.
        columns: ``[P]`` integers.
        values: ``[P]`` float32.
        width: the number of columns.
    """

    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    width: int

    @classmethod
    def of(
        cls, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape: tuple[int, int]
    ) -> Sparse:
        """Make one from entries in any order; those of one place add up in products."""
        order = np.argsort(rows, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
        kept = columns[order].astype(np.int32), values[order].astype(np.float32)
        return cls(starts, *kept, shape[1])

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def rows(self) -> np.ndarray:
        """``[P]``, the row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @property
    def T(self) -> Sparse:  # noqa: N802 - as NumPy calls it
        """The transpose."""
        return Sparse.of(self.columns, self.rows, self.values, (self.width, len(self)))

    def scaled(self, row: np.ndarray | None, column: np.ndarray | None) -> Sparse:
        """The rows times ``row`` ``[R]`` and the columns times ``column`` ``[width]``."""
        values = self.values if row is None else self.values * row[self.rows]
        values = values if column is None else values * column[self.columns]
        return Sparse(self.starts, self.columns, values.astype(np.float32), self.width)

    def times(self, dense: np.ndarray) -> np.ndarray:
        """The product with ``dense`` ``[width, D]``, float32 ``[R, D]``."""
        result = np.zeros((len(self), dense.shape[1]), dtype=np.float32)
        for start, stop in blocks(np.diff(self.starts) * dense.shape[1]):
            part = slice(self.starts[start], self.starts[stop])
            filled = start + np.flatnonzero(np.diff(self.starts[start : stop + 1]))
            if len(filled):
                terms = dense[self.columns[part]] * self.values[part, None]
                result[filled] = np.add.reduceat(terms, self.starts[filled] - part.start, axis=0)
        return result

    def product(self, other: Sparse) -> Iterator[tuple[int, np.ndarray]]:
        """The product with ``other`` ``[width, C]``: blocks of dense rows, each with its first row.

        Entries are added up in float64 and given in float32, ``[B, C]``.
        """
        work = np.add.reduceat(
            np.append(np.diff(other.starts)[self.columns], 0), self.starts[:-1]
        ) * (np.diff(self.starts) > 0)
        for start, stop in blocks(np.maximum(work, other.width)):
            part = slice(self.starts[start], self.starts[stop])
            middle, sizes = self.columns[part], np.diff(other.starts)[self.columns[part]]
            first = other.starts[middle] - (np.cumsum(sizes) - sizes)
            entries = np.repeat(first, sizes) + np.arange(sizes.sum())
            owners = np.repeat(np.arange(stop - start), np.diff(self.starts[start : stop + 1]))
            places = np.repeat(owners * other.width, sizes) + other.columns[entries]
            weights = np.repeat(self.values[part], sizes) * other.values[entries]
            flat = np.bincount(places, weights, minlength=(stop - start) * other.width)
            yield start, flat.reshape(-1, other.width).astype(np.float32)


def met(interactions: Interactions) -> Sparse:
    """1 for each user (row) and item (column) that met, however often."""
    shape = len(interactions.users), len(interactions.items)
    pairs = np.unique(interactions.user_codes.astype(np.int64) * shape[1] + interactions.item_codes)
    users, items = np.divmod(pairs, shape[1])
    return Sparse.of(users, items, np.ones(len(pairs)), shape)


def blocks(work: np.ndarray) -> Iterator[tuple[int, int]]:
    """Cut rows into blocks of a bounded sum of ``work`` ``[R]``, of one row at the least."""
    done = np.cumsum(work)
    start = 0
    while start < len(work):
        limit = _AT_ONCE + (done[start - 1] if start else 0)
        stop = max(start + 1, int(np.searchsorted(done, limit, side="right")))
        yield start, stop
        start = stop

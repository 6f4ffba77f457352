"""Exact search over a snapshot: every vector, or those that filters leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shortlist.index._best import Best
from shortlist.index._filters import Lists
from shortlist.index._rows import Rows
from shortlist.ranked import select_top

__all__ = ["scan"]

_QUERIES_AT_ONCE = 1024
_SCORES_AT_ONCE = 2**20


def scan(
    rows: Rows,
    queries: np.ndarray,
    k: int,
    *,
    allowed: Lists | None,
    denied: Lists | None,
    block_size: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows ``[B, k]`` of the best rows, best first; -inf where there are none left."""
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    found = np.zeros((len(queries), k), dtype=np.int64)
    if allowed is not None and allowed.owners is not None:
        for place, query in enumerate(queries):
            mine = allowed.of(place)
            if denied is not None:
                mine = np.setdiff1d(mine, denied.of(place), assume_unique=True)
            best, best_rows = _among(rows, query, mine[~rows.dead[mine]], k)
            scores[place, : len(best)], found[place, : len(best)] = best, best_rows
        return scores, found
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        part = slice(start, min(start + _QUERIES_AT_ONCE, len(queries)))
        size = block_size or min(max(_SCORES_AT_ONCE // (part.stop - start), 1024), 16384)
        hidden = None if denied is None else denied.between(part.start, part.stop)
        subset = None if allowed is None else allowed.rows
        # A block of at least k rows, or the best so far would outweigh what is new.
        scores[part], found[part] = _all(
            rows, queries[part], k, subset=subset, denied=hidden, size=max(size, k)
        )
    return scores, found


def _among(
    rows: Rows, query: np.ndarray, candidates: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best of a few rows for one query."""
    scores = rows.vectors(candidates) @ query
    columns = select_top(scores[None], k)[0]
    return scores[columns], candidates[columns]


def _all(
    rows: Rows,
    queries: np.ndarray,
    k: int,
    *,
    subset: np.ndarray | None,
    denied: Lists | None,
    size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The best of all rows, or of those in ``subset``, for a batch of queries."""
    best = Best(len(queries), k)
    for_all = rows.dead_rows
    if denied is not None and denied.owners is None:
        for_all = np.union1d(for_all, denied.rows)
    if subset is not None:
        subset = np.setdiff1d(subset, for_all, assume_unique=True)
        for_all = for_all[:0]
    hidden = _Hidden.of(for_all, denied, subset)
    for start, vectors in rows.blocks(size) if subset is None else _blocks(rows, subset, size):
        # One query goes through the matrix-vector product, which reads each row once.
        scores = (vectors @ queries[0])[:, None] if len(queries) == 1 else vectors @ queries.T
        hidden.strike(start, scores)
        best.offer(start, scores)
    scores, found = best.finish()
    return scores, found if subset is None or not len(subset) else subset[found]


def _blocks(rows: Rows, subset: np.ndarray, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``(first place in subset, vectors)`` for at most ``size`` of its rows at a time."""
    for start in range(0, len(subset), size):
        yield start, rows.vectors(subset[start : start + size])


@dataclass(frozen=True, eq=False)
class _Hidden:
    """Rows hidden from all queries, and pairs of a row and the query it is hidden from.

    All are in ascending order of row, so that each block finds its own by bisection.
    """

    for_all: np.ndarray
    rows: np.ndarray
    owners: np.ndarray

    @classmethod
    def of(cls, for_all: np.ndarray, denied: Lists | None, subset: np.ndarray | None) -> _Hidden:
        """Collect what is hidden; with a ``subset``, rows become places in it."""
        if denied is None or denied.owners is None:
            return cls(for_all, for_all[:0], for_all[:0])
        rows, owners = denied.rows, denied.owners
        if subset is not None:
            inside = np.isin(rows, subset)
            rows, owners = np.searchsorted(subset, rows[inside]), owners[inside]
        order = np.argsort(rows, kind="stable")
        return cls(for_all, rows[order], owners[order])

    def strike(self, start: int, scores: np.ndarray) -> None:
        """Put -inf where ``scores`` ``[rows, B]`` of the rows from ``start`` on are hidden."""
        edges = [start, start + len(scores)]
        low, high = np.searchsorted(self.for_all, edges)
        scores[self.for_all[low:high] - start] = -np.inf
        low, high = np.searchsorted(self.rows, edges)
        scores[self.rows[low:high] - start, self.owners[low:high]] = -np.inf

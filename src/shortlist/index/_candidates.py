"""The best rows of a snapshot among a finder's candidates and the rows that came after it."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shortlist.index._filters import Lists
from shortlist.index._live import Filters
from shortlist.index._rows import Rows
from shortlist.ranked import select_top

__all__ = ["Covered", "Finder", "best_of", "searched_of"]

# So few hidden rows are made up for by as many more candidates; more are hidden by a bitmap.
_HIDDEN_BY_COUNT = 64
_CANDIDATES_AT_ONCE = 2**18


class Finder(abc.ABC):
    """What a library made of the first rows of a snapshot. It never changes.

    Attributes:
        rows: how many rows it covers.
        parts: into how many parts they are divided.
        hides: whether `find` heeds ``visible``; for others, more candidates are asked for.
    """

    rows: int
    parts: int
    hides: bool

    @abc.abstractmethod
    def find(
        self, queries: np.ndarray, count: int, searched: int, visible: np.ndarray | None
    ) -> np.ndarray:
        """Rows ``[B, count]`` of candidates, int64 in any order; -1 where there are none.

        Args:
            queries: ``[B, D]``, at least one.
            count: how many, at most ``rows``.
            searched: how many of the parts are looked through.
            visible: ``[rows]`` bool: the rows that may be found; None for all.
        """

    @abc.abstractmethod
    def products(self, chunk: np.ndarray, queries: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Inner products ``[B, C]`` of queries and the vectors at ``places``; -inf for -1."""


@dataclass(frozen=True, eq=False)
class Covered:
    """What an engine keeps beside a snapshot: the finder, and what is gone of what it covers."""

    finder: Finder
    rows: Rows

    @cached_property
    def gone(self) -> np.ndarray:
        """The removed rows among those the finder covers, ascending."""
        dead = self.rows.dead_rows
        return dead[: np.searchsorted(dead, self.finder.rows)]


def best_of(
    own: Covered, queries: np.ndarray, k: int, filters: Filters, searched: int, rescored: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows ``[B, k]``, best first; -inf where there are none."""
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    found = np.zeros((len(queries), k), dtype=np.int64)
    wanted = _Wanted.of(own, filters, max(k, math.ceil(rescored * k)))
    size = max(1, _CANDIDATES_AT_ONCE // wanted.count)
    for start in range(0, len(queries), size):
        part = slice(start, min(start + size, len(queries)))
        denied = _own_lists(filters.denied, part)
        pool, rows = _pool(own, queries[part], wanted, searched, denied)
        late = _late(own, queries[part], filters, denied)
        if late is not None:
            pool = np.concatenate([pool, late[0]], axis=1)
            rows = np.concatenate([rows, np.broadcast_to(late[1], late[0].shape)], axis=1)
        columns = select_top(pool, k)
        width = columns.shape[1]
        lines = np.arange(len(pool))[:, None]
        scores[part, :width] = pool[lines, columns]
        found[part, :width] = rows[lines, columns]
    return scores, found


@dataclass(frozen=True, eq=False)
class _Wanted:
    """What is asked of a finder.

    Attributes:
        count: how many candidates.
        visible: ``[finder.rows]`` bool, or None where all may be found.
        hidden: rows that may be found but must not come back, few.
        share: of the rows that may be found.
    """

    count: int
    visible: np.ndarray | None
    hidden: np.ndarray
    share: float

    @classmethod
    def of(cls, own: Covered, filters: Filters, count: int) -> _Wanted:
        hidden = own.gone
        if filters.denied is not None and filters.denied.owners is None:
            denied = filters.denied.rows
            hidden = np.union1d(hidden, denied[denied < own.finder.rows])
        if filters.allowed is None and len(hidden) <= _HIDDEN_BY_COUNT:
            return cls(count + len(hidden), None, hidden, 1.0)
        visible = np.ones(own.finder.rows, dtype=bool)
        if filters.allowed is not None:
            visible = filters.allowed.mask(own.rows.total)[: own.finder.rows].copy()
        visible[hidden] = False
        share = max(1, int(np.count_nonzero(visible))) / len(visible)
        if not own.finder.hides:
            count = math.ceil(count / share)
        return cls(count, visible, hidden[:0], share)


def searched_of(searched: int, share: float) -> int:
    """How many parts to search where only a share of the rows may be found.

    The best of what is left lie further away than the best of all. By this power the recall stays
    about what it is without a filter (measured for shares from 0.07 to 1).
    """
    return math.ceil(searched * max(share, 1e-3) ** -0.7)


def _own_lists(denied: Lists | None, part: slice) -> Lists | None:
    """What is denied to each query of a part by itself."""
    if denied is None or denied.owners is None:
        return None
    return denied.between(part.start, part.stop)


def _pool(
    own: Covered, queries: np.ndarray, wanted: _Wanted, searched: int, denied: Lists | None
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows of the candidates that may come back; -inf and -1 for the others."""
    covered = own.finder.rows
    more = 0 if denied is None or denied.owners is None else _most(denied.owners)
    count = min(wanted.count + more, covered)
    rows = own.finder.find(queries, count, searched_of(searched, wanted.share), wanted.visible)
    # Ascending, so that of equal scores the item that was added first comes first.
    rows.sort(axis=1)
    if rows[:, -1].max() >= covered or rows[:, 0].min() < -1:
        # A library is not to be trusted with what is used as an address.
        rows = np.sort(np.where((rows >= 0) & (rows < covered), rows, -1), axis=1)
    if denied is not None and denied.owners is not None:
        _strike(rows, denied.rows, denied.owners, own.rows.total + 1)
    if wanted.visible is not None and not own.finder.hides:
        rows[~wanted.visible[rows]] = -1
    if len(wanted.hidden):
        rows[np.isin(rows, wanted.hidden)] = -1
    return _products(own, queries, rows), rows


def _most(owners: np.ndarray) -> int:
    """How many entries the query with the most of them has."""
    return int(np.bincount(owners).max(initial=0))


def _strike(rows: np.ndarray, denied: np.ndarray, owners: np.ndarray, span: int) -> None:
    """Put -1 in place of a query's own denied rows; ``rows`` ascend along each query."""
    keys = (rows + 1 + span * np.arange(len(rows))[:, None]).ravel()
    asked = denied + 1 + span * owners
    places = np.minimum(np.searchsorted(keys, asked), max(len(keys) - 1, 0))
    rows.ravel()[places[keys[places] == asked]] = -1


def _products(own: Covered, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The scores of the candidates, whichever chunk of the snapshot they lie in."""
    start, last = 0, int(rows.max(initial=-1))
    result: np.ndarray | None = None
    for chunk in own.rows.chunks:
        if start > 0 and start > last:
            break
        here = rows if start == 0 and last < len(chunk) else _places(rows, start, len(chunk))
        scores = own.finder.products(chunk, queries, here)
        result = scores if result is None else np.maximum(result, scores)
        start += len(chunk)
    return np.empty(rows.shape, dtype=np.float32) if result is None else result


def _places(rows: np.ndarray, start: int, size: int) -> np.ndarray:
    return np.where((rows >= start) & (rows < start + size), rows - start, -1)


def _late(
    own: Covered, queries: np.ndarray, filters: Filters, mine: Lists | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Scores ``[B, R]`` and numbers ``[R]`` of the rows that came after the finder was made."""
    covered, total = own.finder.rows, own.rows.total
    if covered == total:
        return None
    rows = np.arange(covered, total)
    seen = ~own.rows.dead[covered:total]
    if filters.allowed is not None:
        seen &= filters.allowed.mask(total)[covered:]
    if filters.denied is not None and filters.denied.owners is None:
        seen[filters.denied.rows[filters.denied.rows >= covered] - covered] = False
    parts = [
        vectors[max(covered - start, 0) :]
        for start, vectors in own.rows.blocks(total)
        if start + len(vectors) > covered
    ]
    scores = np.concatenate([queries @ vectors.T for vectors in parts], axis=1)
    scores[:, ~seen] = -np.inf
    if mine is not None and mine.owners is not None:
        late = mine.rows >= covered
        scores[mine.owners[late], mine.rows[late] - covered] = -np.inf
    return scores, rows

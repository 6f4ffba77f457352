"""`LiveIndex`: what every engine that keeps its vectors in `Rows` has in common.

An engine says how it finds the best rows, and what it keeps beside them:

    class Mine(LiveIndex):
        def _prepare(self, rows, before): ...       # its own data for `rows`
        def _find(self, state, queries, k, filters): ...   # -> scores, rows

Building, updates, removals, filters, ids and the one moment that a search sees are done here.
"""

from __future__ import annotations

import abc
import threading
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from shortlist.ids import IdMap, as_ids, filler
from shortlist.index._attributes import as_table
from shortlist.index._filters import Lists, narrowed, resolve
from shortlist.index._rows import Rows
from shortlist.index._scan import scan
from shortlist.index.base import (
    Ids,
    Index,
    check_dim,
    check_items,
    check_k,
    check_known,
    check_vectors,
    not_built,
    without_attributes,
)
from shortlist.ranked import Ranked

__all__ = ["Filters", "LiveIndex", "State", "added_attributes"]


@dataclass(frozen=True, eq=False)
class State:
    """What one search sees: the rows, and what the engine keeps beside them."""

    rows: Rows
    own: Any


@dataclass(frozen=True, eq=False)
class Filters:
    """The rows that alone may come back, and those that must not; None where nothing is said."""

    allowed: Lists | None
    denied: Lists | None


class LiveIndex(Index):
    """An index over `Rows`, searched while it changes."""

    # Fewer rows than this share of all are searched exactly, one by one, by every engine.
    _selective = 1 / 16

    def __init__(self) -> None:
        self._state: State | None = None
        self._known: IdMap | None = None
        # Writers take turns under the first lock. The second is held only to look at or to replace
        # state and ids together, so that a search gets both from one moment.
        self._writing = threading.RLock()
        self._looking = threading.Lock()

    @abc.abstractmethod
    def _prepare(self, rows: Rows, before: State | None) -> Any:
        """What the engine keeps beside ``rows``.

        ``before`` is the state that ``rows`` continue: the same rows under the same numbers, then
        new ones, and some dead; None where all rows are new. The result must not disturb searches
        that still see ``before``.
        """

    @abc.abstractmethod
    def _find(
        self, state: State, queries: np.ndarray, k: int, filters: Filters
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores (float32) and rows (int64) ``[B, k]``, best first; -inf where there are none."""

    def build(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> Self:
        """Replace the contents by ``vectors`` ``[N, D]`` with one distinct id a row."""
        array, listed = check_items(vectors, ids)
        known = IdMap(listed)
        table = None if attributes is None else as_table(attributes, len(listed))
        # The caller may go on to change what was passed.
        if np.may_share_memory(array, np.asarray(vectors)):
            array = array.copy()
        with self._writing:
            self._replace(Rows.of(array, np.array(listed), table), known)
        return self

    def search(
        self,
        queries: np.ndarray,
        k: int,
        allow: Ids | None = None,
        deny: Ids | None = None,
        where: str | None = None,
    ) -> Ranked:
        """Return the ``k`` best items for each of ``queries`` ``[B, D]``; see `Index.search`."""
        k = check_k(k)
        vectors = check_vectors("queries", queries)
        with self._looking:
            if self._state is None:
                raise not_built(self)
            state = self._state
            allowed = self._resolve("allow", allow, len(vectors), state.rows)
            denied = self._resolve("deny", deny, len(vectors), state.rows)
        check_dim("queries", vectors, state.rows.dim)
        if where is not None:
            allowed = narrowed(allowed, self._passing(state.rows, where))
        scores, places = self._best(state, vectors, k, Filters(allowed, denied))
        valid = scores > -np.inf
        found = state.rows.ids[np.where(valid, places, 0)]
        if not valid.all():
            found[~valid] = filler(found.dtype)
        return Ranked(found, scores, valid)

    def upsert(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> None:
        """Add items, or replace the vectors of ids that are here; see `Index.upsert`."""
        with self._writing:
            state, known = self._open()
            rows = state.rows
            array, listed = check_items(vectors, ids)
            check_dim("vectors", array, rows.dim)
            if len(listed) > 1:
                IdMap(listed)
            old = known.of(listed)
            table = added_attributes(self, rows, attributes, old)
            added = rows.with_added(array, listed, table)
            if (old >= 0).any():
                added = added.with_dead(old[old >= 0])
            fresh = State(added, self._prepare(added, state))
            with self._looking:
                known.put(listed, np.arange(rows.total, added.total))
                self._state = fresh
            self._compact()

    def remove(self, ids: Any) -> None:
        """Take items out; see `Index.remove`."""
        with self._writing:
            state, known = self._open()
            listed = as_ids(ids)
            IdMap(listed)
            old = known.of(listed)
            check_known(listed, old)
            rows = state.rows.with_dead(old)
            fresh = State(rows, self._prepare(rows, state))
            with self._looking:
                known.drop(listed)
                self._state = fresh
            self._compact()

    def vectors(self, ids: Any) -> np.ndarray:
        """The stored vectors ``[N, D]`` of ``ids``, in their order; see `Index.vectors`."""
        listed = as_ids(ids)
        with self._writing:
            state, known = self._open()
            places = known.of(listed)
        check_known(listed, places)
        return state.rows.vectors(places)

    def known(self, ids: Any) -> np.ndarray:
        """``[N]`` bool: which of ``ids`` are in the index."""
        with self._writing:
            return self._open()[1].of(as_ids(ids)) >= 0

    def __len__(self) -> int:
        return 0 if self._state is None else self._state.rows.alive

    def stats(self) -> dict[str, Any]:
        """What the engine is and what it holds, ready for JSON."""
        rows = None if self._state is None else self._state.rows
        chunks = () if rows is None else rows.chunks
        table = None if rows is None else rows.attributes
        return {
            "engine": type(self).__name__.lower(),
            "exact": self.is_exact,
            "items": len(self),
            "removed_rows": 0 if rows is None else rows.total - rows.alive,
            "dim": None if rows is None else rows.dim,
            "dtype": "float32",
            "attributes": [] if table is None else list(table.schema),
            "vector_bytes": sum(chunk.nbytes for chunk in chunks),
            "memory_mapped": any(not chunk.flags.owndata for chunk in chunks),
        }

    def _best(
        self, state: State, queries: np.ndarray, k: int, filters: Filters
    ) -> tuple[np.ndarray, np.ndarray]:
        """Let the engine search, or look at the survivors of a selective filter one by one."""
        allowed = filters.allowed
        if allowed is not None and (
            allowed.owners is not None or len(allowed.rows) < self._selective * state.rows.total
        ):
            return scan(
                state.rows, queries, k, allowed=allowed, denied=filters.denied, block_size=None
            )
        return self._find(state, queries, k, filters)

    def _passing(self, rows: Rows, where: str) -> Any:
        if rows.attributes is None:
            raise without_attributes(self)
        return rows.attributes.passing(where)

    def _open(self) -> tuple[State, IdMap]:
        if self._state is None:
            raise not_built(self)
        with self._looking:
            return self._state, self._map(self._state.rows)

    def _map(self, rows: Rows) -> IdMap:
        """Where each id stands; made when it is first needed, since a plain search needs none."""
        if self._known is None:
            self._known = rows.places()
        return self._known

    def _resolve(self, name: str, ids: Ids | None, batch: int, rows: Rows) -> Lists | None:
        return None if ids is None else resolve(name, ids, batch, self._map(rows))

    def _replace(self, rows: Rows, known: IdMap | None) -> None:
        """Let ``rows``, all of them new, be what is searched."""
        state = State(rows, self._prepare(rows, None))
        with self._looking:
            self._state, self._known = state, known

    def _compact(self) -> None:
        """Drop dead rows once they are half of all, so that each update pays a constant share."""
        rows = None if self._state is None else self._state.rows
        if rows is None or 2 * rows.alive >= rows.total or rows.total < 1024:
            return
        fresh = Rows.of(*rows.living())
        self._replace(fresh, fresh.places())


def added_attributes(
    index: Index, rows: Rows, attributes: Any, old: np.ndarray
) -> pl.DataFrame | None:
    """The attributes of rows to be added, of which some take the place of ``old`` ones."""
    if rows.attributes is None:
        if attributes is not None:
            raise without_attributes(index)
        return None
    if attributes is None:
        return rows.attributes.take(old)
    return rows.attributes.check(attributes, len(old))

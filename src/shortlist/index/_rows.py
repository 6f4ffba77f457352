"""`Rows`: vectors and ids as an immutable snapshot, from which changes make the next snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from shortlist.ids import IdMap
from shortlist.index._attributes import Attributes

__all__ = ["Rows", "appended"]

_SMALLEST_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class Rows:
    """Items by row number, in the order they were added.

    A snapshot never changes. It shares its memory with the next one: what is added is written
    behind the end that this one sees, and a removed row is only marked as dead.

    Attributes:
        chunks: the vectors, float32 ``[capacity, D]`` each; the last may have room left.
        ids: the ids, with room left at the end.
        dead: bool, rows that were removed or replaced, with room left at the end.
        total: the number of rows, dead ones included.
        alive: the number of rows that are not dead.
        attributes: what conditions are about, a row for each of these; None where none were given.
    """

    chunks: tuple[np.ndarray, ...]
    ids: np.ndarray
    dead: np.ndarray
    total: int
    alive: int
    attributes: Attributes | None = None

    @classmethod
    def of(
        cls, vectors: np.ndarray, ids: np.ndarray, attributes: pl.DataFrame | None = None
    ) -> Rows:
        """A first snapshot; the arrays are kept, not copied."""
        table = None if attributes is None else Attributes((attributes,))
        return cls((vectors,), ids, np.zeros(len(ids), dtype=bool), len(ids), len(ids), table)

    @property
    def dim(self) -> int:
        """The dimension of the vectors."""
        return int(self.chunks[0].shape[1])

    @cached_property
    def dead_rows(self) -> np.ndarray:
        """The dead rows, ascending."""
        if self.alive == self.total:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.dead[: self.total])

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.cumsum([0, *(len(chunk) for chunk in self.chunks)])

    def blocks(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield ``(first row, vectors)`` for at most ``size`` rows at a time."""
        for start, chunk in zip(self._starts.tolist(), self.chunks, strict=False):
            used = min(len(chunk), self.total - start)
            for low in range(0, used, size):
                yield start + low, chunk[low : min(low + size, used)]

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """The vectors ``[len(rows), D]`` of ``rows``."""
        if len(self.chunks) == 1:
            return self.chunks[0][rows]
        result = np.empty((len(rows), self.dim), dtype=np.float32)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for place in np.unique(owner):
            mine = owner == place
            result[mine] = self.chunks[place][rows[mine] - self._starts[place]]
        return result

    def with_added(
        self, vectors: np.ndarray, ids: np.ndarray, attributes: pl.DataFrame | None = None
    ) -> Rows:
        """The next snapshot, with ``vectors`` as its last rows.

        Only ever called on the newest snapshot, one call at a time: it writes behind its end.
        """
        chunks = _extended(self.chunks, self.total, vectors)
        buffer = appended(self.ids, self.total, ids)
        # What was added is not dead, and the room behind the end of `dead` holds False already.
        dead = appended(self.dead, self.total, np.zeros(len(ids), dtype=bool))
        table = self.attributes
        if table is not None and attributes is not None:
            table = table.with_added(attributes)
        return Rows(chunks, buffer, dead, self.total + len(ids), self.alive + len(ids), table)

    def with_dead(self, rows: np.ndarray) -> Rows:
        """The next snapshot, in which ``rows``, distinct and alive until now, are dead."""
        dead = self.dead.copy()
        dead[rows] = True
        return replace(self, dead=dead, alive=self.alive - len(rows))

    def living(self) -> tuple[np.ndarray, np.ndarray, pl.DataFrame | None]:
        """Vectors, ids and attributes of the rows that are not dead, in their order."""
        rows = np.flatnonzero(~self.dead[: self.total])
        table = None if self.attributes is None else self.attributes.take(rows)
        if len(self.chunks) == 1 and self.alive == self.total:
            return self.chunks[0][: self.total], self.ids[: self.total], table
        return self.vectors(rows), self.ids[rows], table

    def places(self) -> IdMap:
        """The row of each id that is not dead; only ever asked of a snapshot without dead rows."""
        return IdMap(self.ids[: self.total])


def _extended(
    chunks: tuple[np.ndarray, ...], total: int, vectors: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Write ``vectors`` into the room of the last chunk and what is left into a new one."""
    room = sum(len(chunk) for chunk in chunks) - total
    here = min(room, len(vectors))
    if here:
        last = chunks[-1]
        last[len(last) - room : len(last) - room + here] = vectors[:here]
    rest = vectors[here:]
    if not len(rest):
        return chunks
    # Chunks grow with the index, so that there are few of them and adding stays cheap on average.
    capacity = max(_SMALLEST_CHUNK, len(rest), total // 8)
    fresh = np.zeros((capacity, vectors.shape[1]), dtype=np.float32)
    fresh[: len(rest)] = rest
    return (*chunks, fresh)


def appended(buffer: np.ndarray, total: int, added: np.ndarray) -> np.ndarray:
    """The buffer with ``added`` written after ``total``; a larger one if it is full."""
    needed = total + len(added)
    dtype = _common(buffer.dtype, added.dtype)
    if needed > len(buffer) or dtype != buffer.dtype:
        grown = np.zeros(max(needed, total + total // 2, _SMALLEST_CHUNK), dtype=dtype)
        grown[:total] = buffer[:total]
        buffer = grown
    buffer[total:needed] = added
    return buffer


def _common(one: np.dtype[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    """A type that holds ids of both without changing any."""
    same = one.kind == other.kind and one.kind in "biuU"
    return np.result_type(one, other) if same else np.dtype(object)

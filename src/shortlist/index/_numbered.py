"""`Numbered`: the items of `Sharded`, and the numbers by which its workers know them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from shortlist.ids import IdMap, filler
from shortlist.index._filters import Lists, resolve
from shortlist.index._rows import Rows, appended
from shortlist.index._shard import Found, Picked
from shortlist.index.base import Ids
from shortlist.ranked import Ranked, select_top

__all__ = ["Numbered", "cut", "mine", "of_shard"]


@dataclass(frozen=True, eq=False)
class Numbered:
    """Ids and attributes by row, without vectors, and the number of each row.

    A snapshot, like `Rows`. The number says which worker has the item, and none is used twice, so
    that of equal scores the item added first can come first.

    Attributes:
        rows: ids and attributes.
        numbers: ascending, with room at the end.
        next: the number of the next row.
        dim: the dimension of the vectors, which the workers have.
    """

    rows: Rows
    numbers: np.ndarray
    next: int
    dim: int

    @classmethod
    def of(
        cls, ids: np.ndarray, attributes: pl.DataFrame | None, numbers: np.ndarray, dim: int
    ) -> Numbered:
        """A first snapshot."""
        rows = Rows.of(np.empty((len(ids), 0), dtype=np.float32), ids, attributes)
        return cls(rows, numbers, int(numbers[-1]) + 1 if len(numbers) else 0, dim)

    def with_added(
        self, ids: np.ndarray, attributes: pl.DataFrame | None, old: np.ndarray
    ) -> tuple[Numbered, np.ndarray]:
        """The next snapshot, in which the rows ``old`` are dead, and the numbers of the new."""
        fresh = np.arange(self.next, self.next + len(ids))
        nothing = np.empty((len(ids), 0), dtype=np.float32)
        rows = self.rows.with_added(nothing, ids, attributes)
        if len(old):
            rows = rows.with_dead(old)
        numbers = appended(self.numbers, self.rows.total, fresh)
        return Numbered(rows, numbers, self.next + len(ids), self.dim), fresh

    def with_dead(self, old: np.ndarray) -> Numbered:
        """The next snapshot, in which the rows ``old`` are dead."""
        return replace(self, rows=self.rows.with_dead(old))

    def living(self) -> tuple[np.ndarray, pl.DataFrame | None, np.ndarray]:
        """Ids, attributes and numbers of the rows that are not dead."""
        _, ids, attributes = self.rows.living()
        dead = self.rows.dead[: self.rows.total]
        return ids, attributes, self.numbers[: self.rows.total][~dead]

    def compacted(self) -> Numbered | None:
        """The same without dead rows, once they are half of all."""
        if 2 * self.rows.alive >= self.rows.total or self.rows.total < 1024:
            return None
        return replace(Numbered.of(*self.living(), self.dim), next=self.next)

    def picked(self, name: str, ids: Ids | None, batch: int, known: IdMap) -> Lists | None:
        """What a filter names, as numbers."""
        if ids is None:
            return None
        rows = resolve(name, ids, batch, known)
        return Lists(self.numbers[rows.rows], rows.owners)

    def merged(self, k: int, parts: Sequence[Found]) -> Ranked:
        """The best of what the workers found; of equal scores the item added first."""
        numbers, scores, valid = (np.concatenate(side, axis=1) for side in zip(*parts, strict=True))
        numbers = np.where(valid, numbers, 0).astype(np.int64)
        order = np.argsort(numbers, axis=1, kind="stable")
        scores = np.take_along_axis(np.where(valid, scores, -np.inf), order, 1)
        columns = select_top(scores, k)
        best = np.take_along_axis(scores, columns, 1).astype(np.float32)
        numbers = np.take_along_axis(np.take_along_axis(numbers, order, 1), columns, 1)
        valid = best > -np.inf
        places = np.searchsorted(self.numbers[: self.rows.total], numbers)
        found = self.rows.ids[np.where(valid, places, 0)]
        found[~valid] = filler(found.dtype)
        return Ranked(found, best, valid)


def mine(numbers: np.ndarray, shard: int, shards: int) -> np.ndarray:
    """The numbers that belong to one worker."""
    return numbers[numbers % shards == shard]


def of_shard(picked: Lists | None, shard: int, shards: int) -> Picked | None:
    """What a filter names, as numbers, of the items of one worker."""
    if picked is None:
        return None
    here = picked.rows % shards == shard
    return picked.rows[here], None if picked.owners is None else picked.owners[here]


def cut(table: pl.DataFrame | None, rows: np.ndarray) -> pl.DataFrame | None:
    """Some rows of a table, if there is one."""
    return None if table is None else table[rows]

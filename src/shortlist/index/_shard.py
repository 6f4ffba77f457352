"""`Shard`: what a worker of `Sharded` holds, and what it can be asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.index.base import Index

__all__ = ["Found", "Picked", "Shard"]

# Numbers that a filter names: for all queries, or with the ascending query of each.
Picked = tuple[np.ndarray, np.ndarray | None]
# Numbers, scores and validity, [B, K].
Found = tuple[np.ndarray, np.ndarray, np.ndarray]


class Shard:
    """An index whose ids are numbers; none as long as no item came here."""

    def __init__(self, factory: Callable[[], Index]) -> None:
        self._factory = factory
        self._index: Index | None = None

    def build(self, path: Path, numbers: np.ndarray, table: pl.DataFrame | None) -> None:
        """Take the rows ``numbers`` of an array in a file."""
        if len(numbers):
            vectors = np.load(path, mmap_mode="r")[numbers]
            self._index = self._factory().build(vectors, numbers, **_given(table))

    def update(
        self,
        gone: np.ndarray,
        vectors: np.ndarray,
        numbers: np.ndarray,
        table: pl.DataFrame | None,
    ) -> None:
        """Remove items, then add others."""
        if len(gone) and self._index is not None:
            self._index.remove(gone)
        if not len(numbers):
            return
        if self._index is None:
            self._index = self._factory().build(vectors, numbers, **_given(table))
        else:
            self._index.upsert(vectors, numbers, **_given(table))

    def search(
        self,
        queries: np.ndarray,
        k: int,
        allow: Picked | None,
        deny: Picked | None,
        where: str | None,
    ) -> Found:
        """The best of what is here."""
        batch = len(queries)
        if self._index is None:
            nothing = np.empty((batch, 0))
            return nothing.astype(np.int64), nothing.astype(np.float32), nothing.astype(bool)
        given = {} if where is None else {"where": where}
        found = self._index.search(
            queries, k, allow=_lists(allow, batch), deny=_lists(deny, batch), **given
        )
        return found.ids, found.scores, found.valid

    def vectors(self, numbers: np.ndarray) -> np.ndarray | None:
        """The vectors of items that are here."""
        return None if self._index is None else self._index.vectors(numbers)

    def stats(self) -> dict[str, Any] | None:
        """What the index says of itself."""
        return None if self._index is None else self._index.stats()

    def write(self, draft: Draft) -> None:
        """Write the index, if there is one, as a part of a bundle."""
        if self._index is not None:
            self._index.write(draft)

    def read(self, folder: Folder | None) -> None:
        """Open a part of a verified bundle."""
        if folder is not None:
            from shortlist.index.opening import read_index  # noqa: PLC0415 - it knows `Sharded` too

            self._index = read_index(folder)


def _given(table: pl.DataFrame | None) -> dict[str, Any]:
    return {} if table is None else {"attributes": table}


def _lists(picked: Picked | None, batch: int) -> Any:
    if picked is None:
        return None
    numbers, owners = picked
    if owners is None:
        return numbers
    return np.split(numbers, np.searchsorted(owners, np.arange(1, batch)))

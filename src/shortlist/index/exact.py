"""`Exact`: search over every vector, in NumPy.

One query over a large index runs at the speed at which memory is read; a batch at the speed of the
matrix product. Nothing is approximated, so it is also the yardstick for every other engine.
"""

from __future__ import annotations

import threading
from typing import Any, Self, final

import numpy as np

from shortlist.bundle import Draft, Folder
from shortlist.errors import ConfigError, DataError
from shortlist.ids import IdMap, as_ids, filler
from shortlist.index._filters import Lists, resolve
from shortlist.index._rows import Rows
from shortlist.index._scan import scan
from shortlist.index._storage import read_config, read_items, write_items
from shortlist.index.base import (
    Ids,
    Index,
    check_dim,
    check_items,
    check_k,
    check_vectors,
    not_built,
)
from shortlist.ranked import Ranked

__all__ = ["Exact"]


@final
class Exact(Index):
    """The true best items by inner product.

    Scores are float32, so two items with the same vector may differ in the last bit; scores that
    are equal come in the order the items were added. An index from which every item was removed
    answers with invalid places.

    Args:
        block_size: rows scored at a time; None chooses by the number of queries so that the scores
            of a block stay in the processor's cache.

    Raises:
        ConfigError: ``block_size`` is not a positive integer.

    >>> import numpy as np
    >>> index = Exact().build(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), ["a", "b", "c"])
    >>> index.search(np.array([[1.0, 0.0]]), k=2).lists()
    [['a', 'c']]
    >>> index.search(np.array([[1.0, 0.0]]), k=3, deny=[["a"]]).lists()
    [['c', 'b']]
    """

    def __init__(self, *, block_size: int | None = None) -> None:
        if block_size is not None and (type(block_size) is not int or block_size <= 0):
            raise ConfigError(
                f"Expected block_size to be a positive integer or None; received {block_size!r}."
            )
        self.block_size = block_size
        self._rows: Rows | None = None
        self._known: IdMap | None = None
        # Writers take turns under the first lock. The second is held only to look at or to replace
        # rows and ids together, so that a search gets both from one moment.
        self._writing = threading.RLock()
        self._state = threading.Lock()

    @property
    def is_exact(self) -> bool:
        """True."""
        return True

    def build(self, vectors: np.ndarray, ids: Any) -> Self:
        """Replace the contents by ``vectors`` ``[N, D]`` with one distinct id a row."""
        array, listed = check_items(vectors, ids)
        known = IdMap(listed)
        # The caller may go on to change what was passed.
        if np.may_share_memory(array, np.asarray(vectors)):
            array = array.copy()
        rows = Rows.of(array, np.array(listed))
        with self._writing, self._state:
            self._rows, self._known = rows, known
        return self

    def search(
        self, queries: np.ndarray, k: int, allow: Ids | None = None, deny: Ids | None = None
    ) -> Ranked:
        """Return the ``k`` best items for each of ``queries`` ``[B, D]``; see `Index.search`."""
        k = check_k(k)
        vectors = check_vectors("queries", queries)
        with self._state:
            if self._rows is None:
                raise not_built(self)
            rows = self._rows
            allowed = self._resolve("allow", allow, len(vectors), rows)
            denied = self._resolve("deny", deny, len(vectors), rows)
        check_dim("queries", vectors, rows.dim)
        scores, places = scan(
            rows, vectors, k, allowed=allowed, denied=denied, block_size=self.block_size
        )
        valid = scores > -np.inf
        found = rows.ids[np.where(valid, places, 0)]
        if not valid.all():
            found[~valid] = filler(found.dtype)
        return Ranked(found, scores, valid)

    def upsert(self, vectors: np.ndarray, ids: Any) -> None:
        """Add items, or replace the vectors of ids that are here; see `Index.upsert`."""
        with self._writing:
            rows, known = self._open()
            array, listed = check_items(vectors, ids)
            check_dim("vectors", array, rows.dim)
            IdMap(listed)
            old = known.of(listed)
            added = rows.with_added(array, listed)
            if (old >= 0).any():
                added = added.with_dead(old[old >= 0])
            with self._state:
                known.put(listed, np.arange(rows.total, added.total))
                self._rows = added
            self._compact()

    def remove(self, ids: Any) -> None:
        """Take items out; see `Index.remove`."""
        with self._writing:
            rows, known = self._open()
            listed = as_ids(ids)
            IdMap(listed)
            old = known.of(listed)
            _check_known(listed, old)
            with self._state:
                known.drop(listed)
                self._rows = rows.with_dead(old)
            self._compact()

    def vectors(self, ids: Any) -> np.ndarray:
        """The stored vectors ``[N, D]`` of ``ids``, in their order; see `Index.vectors`."""
        listed = as_ids(ids)
        with self._writing:
            rows, known = self._open()
            places = known.of(listed)
        _check_known(listed, places)
        return rows.vectors(places)

    def known(self, ids: Any) -> np.ndarray:
        """``[N]`` bool: which of ``ids`` are in the index."""
        with self._writing:
            return self._open()[1].of(as_ids(ids)) >= 0

    def __len__(self) -> int:
        return 0 if self._rows is None else self._rows.alive

    def stats(self) -> dict[str, Any]:
        """What the engine is and what it holds, ready for JSON."""
        rows = self._rows
        chunks = () if rows is None else rows.chunks
        return {
            "engine": "exact",
            "kernel": "numpy",
            "exact": True,
            "items": len(self),
            "removed_rows": 0 if rows is None else rows.total - rows.alive,
            "dim": None if rows is None else rows.dim,
            "dtype": "float32",
            "vector_bytes": sum(chunk.nbytes for chunk in chunks),
            "memory_mapped": any(not chunk.flags.owndata for chunk in chunks),
        }

    def write(self, draft: Draft) -> None:
        """Write the index into a bundle, or a part of one; removed items are left behind."""
        rows = self._rows
        if rows is None:
            raise not_built(self)
        vectors, ids = rows.living()
        draft.write_json("index.json", {"engine": "exact", "block_size": self.block_size})
        write_items(draft, vectors, ids)

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Open what `write` wrote; the vectors stay on disk and are mapped into memory."""
        config = read_config(folder, "exact")
        index = cls(block_size=config["block_size"])
        index._rows = Rows.of(*read_items(folder))
        return index

    def _open(self) -> tuple[Rows, IdMap]:
        if self._rows is None:
            raise not_built(self)
        with self._state:
            return self._rows, self._map(self._rows)

    def _map(self, rows: Rows) -> IdMap:
        """Where each id stands; made when it is first needed, since a plain search needs none."""
        if self._known is None:
            self._known = rows.places()
        return self._known

    def _resolve(self, name: str, ids: Ids | None, batch: int, rows: Rows) -> Lists | None:
        return None if ids is None else resolve(name, ids, batch, self._map(rows))

    def _compact(self) -> None:
        """Drop dead rows once they are half of all, so that each update pays a constant share."""
        rows = self._rows
        if rows is None or 2 * rows.alive >= rows.total or rows.total < 1024:
            return
        fresh = Rows.of(*rows.living())
        known = fresh.places()
        with self._state:
            self._rows, self._known = fresh, known


def _check_known(ids: np.ndarray, places: np.ndarray) -> None:
    if (places < 0).any():
        missing = ids[places < 0].tolist()
        raise DataError(
            f"Expected ids that are in the index; {missing[0]!r} is not "
            f"({len(missing)} of {len(ids)} are not)."
        )

"""`MockIndex`: the smallest index there can be, for tests and as the naive reference."""

from __future__ import annotations

from typing import Any, Self, final

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.errors import ConfigError, DataError
from shortlist.ids import IdMap, as_ids, filler
from shortlist.index._attributes import Attributes, as_table
from shortlist.index._filters import listed
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
from shortlist.index.where import passing
from shortlist.ranked import Ranked

__all__ = ["MockIndex"]


@final
class MockIndex(Index):
    """A dictionary from id to vector, searched by sorting.

    Quick for a handful of items, and short enough to be read as the definition of what a search is.

    >>> import numpy as np
    >>> MockIndex().build(np.eye(2), ["a", "b"]).search(np.array([[0.0, 1.0]]), k=1).lists()
    [['b']]
    """

    def __init__(self) -> None:
        # Replaced, never changed, so that a search sees one state.
        self._items: dict[Any, np.ndarray] | None = None
        self._facts: dict[Any, dict[str, Any]] = {}
        self._table: Attributes | None = None
        self._dim = 0

    @property
    def is_exact(self) -> bool:
        """True."""
        return True

    def build(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> Self:
        """Replace the contents."""
        array, listed_ids = check_items(vectors, ids)
        IdMap(listed_ids)
        self._facts, self._table = {}, None
        if attributes is not None:
            table = as_table(attributes, len(listed_ids))
            self._table = Attributes((table,))
            self._facts = dict(zip(listed_ids.tolist(), table.to_dicts(), strict=True))
        self._items = dict(zip(listed_ids.tolist(), array.copy(), strict=True))
        self._dim = array.shape[1]
        return self

    def search(
        self,
        queries: np.ndarray,
        k: int,
        allow: Ids | None = None,
        deny: Ids | None = None,
        where: str | None = None,
    ) -> Ranked:
        """Score every item that may be seen, sort, and keep ``k``."""
        k, items = check_k(k), self._open()
        array = check_vectors("queries", queries)
        check_dim("queries", array, self._dim)
        batch = len(array)
        items = items if where is None else self._meeting(where, items)
        allowed = [set(items)] * batch if allow is None else _sets("allow", allow, batch)
        denied = [set()] * batch if deny is None else _sets("deny", deny, batch)
        found = np.full((batch, k), filler(np.dtype(object))[0], dtype=object)
        scores = np.full((batch, k), -np.inf, dtype=np.float32)
        for row, query in enumerate(array):
            seen = [item for item in items if item in allowed[row] and item not in denied[row]]
            pairs = [(item, items[item] @ query) for item in seen]
            for place, (item, score) in enumerate(sorted(pairs, key=lambda pair: -pair[1])[:k]):
                found[row, place], scores[row, place] = item, score
        return Ranked(found, scores, scores > -np.inf)

    def upsert(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> None:
        """Add items or replace their vectors; either way they then come last."""
        items = dict(self._open())
        array, listed_ids = check_items(vectors, ids)
        check_dim("vectors", array, self._dim)
        IdMap(listed_ids)
        if attributes is not None:
            if self._table is None:
                raise ConfigError("Expected an index that was built with attributes.")
            table = self._table.check(attributes, len(listed_ids))
            self._facts |= zip(listed_ids.tolist(), table.to_dicts(), strict=True)
        for item, vector in zip(listed_ids.tolist(), array.copy(), strict=True):
            items.pop(item, None)
            items[item] = vector
        self._items = items

    def remove(self, ids: Any) -> None:
        """Take items out."""
        items = dict(self._open())
        IdMap(ids)
        for item in as_ids(ids).tolist():
            if item not in items:
                raise DataError(f"Expected ids that are in the index; {item!r} is not.")
            del items[item]
        self._facts = {item: facts for item, facts in self._facts.items() if item in items}
        self._items = items

    def vectors(self, ids: Any) -> np.ndarray:
        """The stored vectors of ``ids``."""
        items = self._open()
        for item in as_ids(ids).tolist():
            if item not in items:
                raise DataError(f"Expected ids that are in the index; {item!r} is not.")
        return np.array([items[item] for item in as_ids(ids).tolist()]).reshape(-1, self._dim)

    def known(self, ids: Any) -> np.ndarray:
        """Which of ``ids`` are here."""
        items = self._open()
        return np.array([item in items for item in as_ids(ids).tolist()], dtype=bool)

    def __len__(self) -> int:
        return len(self._items or ())

    def stats(self) -> dict[str, Any]:
        """What it is and what it holds."""
        return {"engine": "mock", "exact": True, "items": len(self), "dim": self._dim or None}

    def write(self, draft: Draft) -> None:
        """Write the items into a bundle."""
        items = self._open()
        draft.write_json("index.json", {"engine": "mock", "dim": self._dim})
        vectors = np.array(list(items.values()), dtype=np.float32).reshape(-1, self._dim)
        table = None if self._table is None else self._frame(self._table, items)
        write_items(draft, vectors, as_ids(list(items)), table)

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Open what `write` wrote."""
        index = cls()
        index._dim = read_config(folder, "mock")["dim"]
        vectors, ids, table = read_items(folder)
        index._items = dict(zip(ids.tolist(), vectors, strict=True))
        if table is not None:
            index._table = Attributes((table,))
            index._facts = dict(zip(ids.tolist(), table.to_dicts(), strict=True))
        return index

    def _meeting(self, where: str, items: dict[Any, np.ndarray]) -> dict[Any, np.ndarray]:
        if self._table is None:
            raise ConfigError("Expected an index that was built with attributes.")
        kept = passing(where, self._frame(self._table, items)).to_list()
        return {item: items[item] for item, keep in zip(items, kept, strict=True) if keep}

    def _frame(self, table: Attributes, items: dict[Any, np.ndarray]) -> pl.DataFrame:
        nothing = dict.fromkeys(table.schema)
        return pl.DataFrame([self._facts.get(i, nothing) for i in items], schema=table.schema)

    def _open(self) -> dict[Any, np.ndarray]:
        if self._items is None:
            raise not_built(self)
        return self._items


def _sets(name: str, ids: Ids, batch: int) -> list[set[Any]]:
    return [set(row.tolist()) for row in listed(name, ids, batch)]

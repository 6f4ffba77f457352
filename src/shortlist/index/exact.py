"""`Exact`: search over every vector, in NumPy.

One query over a large index runs at the speed at which memory is read; a batch at the speed of the
matrix product. Nothing is approximated, so it is also the yardstick for every other engine.
"""

from __future__ import annotations

from typing import Any, Self, final

import numpy as np

from shortlist.bundle import Draft, Folder
from shortlist.errors import ConfigError
from shortlist.index._live import Filters, LiveIndex, State
from shortlist.index._rows import Rows
from shortlist.index._scan import scan
from shortlist.index._storage import read_config, read_items, write_items
from shortlist.index.base import not_built

__all__ = ["Exact"]


@final
class Exact(LiveIndex):
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
        super().__init__()
        self.block_size = block_size

    @property
    def is_exact(self) -> bool:
        """True."""
        return True

    def stats(self) -> dict[str, Any]:
        """What the engine is and what it holds, ready for JSON."""
        return {**super().stats(), "kernel": "numpy"}

    def write(self, draft: Draft) -> None:
        """Write the index into a bundle, or a part of one; removed items are left behind."""
        if self._state is None:
            raise not_built(self)
        draft.write_json("index.json", {"engine": "exact", "block_size": self.block_size})
        write_items(draft, *self._state.rows.living())

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Open what `write` wrote; the vectors stay on disk and are mapped into memory."""
        config = read_config(folder, "exact")
        index = cls(block_size=config["block_size"])
        index._replace(Rows.of(*read_items(folder)), None)
        return index

    def _prepare(self, rows: Rows, before: State | None) -> None:
        """NumPy needs nothing beside the rows."""

    def _find(
        self, state: State, queries: np.ndarray, k: int, filters: Filters
    ) -> tuple[np.ndarray, np.ndarray]:
        return scan(
            state.rows,
            queries,
            k,
            allowed=filters.allowed,
            denied=filters.denied,
            block_size=self.block_size,
        )

"""`Exact`: search over every vector.

One query over a large index runs at the speed at which memory is read; a batch at the speed of the
matrix product. Where `shortlist-kernels` is installed, a quarter of the memory is read: 8-bit codes
of the vectors say which few have to be looked at, and a bound proves that no other can be among the
best. Nothing is approximated either way, so it is also the yardstick for every other engine.
"""

from __future__ import annotations

from typing import Any, Self, final

import numpy as np

from shortlist.bundle import Draft, Folder
from shortlist.errors import ConfigError
from shortlist.index._int8 import LARGEST_DIM, NUMPY, Packs, choose, installed, scan_int8
from shortlist.index._live import Filters, LiveIndex, State
from shortlist.index._rows import Rows
from shortlist.index._scan import scan
from shortlist.index._storage import read_config, read_items, write_items
from shortlist.index.base import not_built

__all__ = ["Exact", "installed"]


@final
class Exact(LiveIndex):
    """The true best items by inner product.

    Scores are float32, so two items with the same vector may differ in the last bit; scores that
    are equal come in the order the items were added. An index from which every item was removed
    answers with invalid places.

    Args:
        kernel: ``"numpy"``, or ``"int8"`` for the compiled scan of `shortlist-kernels`; None takes
            the fastest that is installed. `stats` says which it is.
        threads: how many of them the compiled scan uses for one search. NumPy's threads are those
            of its BLAS (``OMP_NUM_THREADS``).
        block_size: rows that NumPy scores at a time; None chooses by the number of queries so that
            the scores of a block stay in the processor's cache.

    Raises:
        ConfigError: ``threads`` or ``block_size`` is not a positive integer, or there is no such
            kernel.
        MissingDependencyError: the kernel is not installed, or not made for this processor.

    >>> import numpy as np
    >>> index = Exact().build(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), ["a", "b", "c"])
    >>> index.search(np.array([[1.0, 0.0]]), k=2).lists()
    [['a', 'c']]
    >>> index.search(np.array([[1.0, 0.0]]), k=3, deny=[["a"]]).lists()
    [['c', 'b']]
    """

    def __init__(
        self, *, kernel: str | None = None, threads: int = 1, block_size: int | None = None
    ) -> None:
        if block_size is not None:
            _check_positive("block_size", block_size, " or None")
        _check_positive("threads", threads)
        super().__init__()
        self.kernel = choose(kernel)
        self.threads = threads
        self.block_size = block_size
        if self.kernel != NUMPY:
            self._selective = 1 / 32  # the scan of all is that much faster

    @property
    def is_exact(self) -> bool:
        """True."""
        return True

    def stats(self) -> dict[str, Any]:
        """What the engine is and what it holds, ready for JSON."""
        packs = None if self._state is None else self._state.own
        return {
            **super().stats(),
            "kernel": self.kernel if packs is not None else NUMPY,
            "threads": self.threads,
            "code_bytes": 0 if packs is None else packs.nbytes,
        }

    def build(self, vectors: np.ndarray, ids: Any, attributes: Any = None) -> Self:
        """Replace the contents by ``vectors`` ``[N, D]`` with one distinct id a row."""
        super().build(vectors, ids, attributes)
        state = self._state
        if state is not None and state.own is not None:
            state.own.of(state.rows)
        return self

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

    def _prepare(self, rows: Rows, before: State | None) -> Packs | None:
        if self.kernel == NUMPY or rows.dim > LARGEST_DIM:
            return None
        # What was just opened from disk is packed when it is first searched or changed.
        return Packs() if before is None else before.own.grown(rows, before.rows)

    def _find(
        self, state: State, queries: np.ndarray, k: int, filters: Filters
    ) -> tuple[np.ndarray, np.ndarray]:
        rows, allowed, denied = state.rows, filters.allowed, filters.denied
        if state.own is None:
            size = self.block_size
            return scan(rows, queries, k, allowed=allowed, denied=denied, block_size=size)
        return scan_int8(
            self.kernel,
            state.own,
            rows,
            queries,
            k,
            allowed=allowed,
            denied=denied,
            threads=self.threads,
        )


def _check_positive(name: str, value: Any, more: str = "") -> None:
    if type(value) is not int or value <= 0:
        raise ConfigError(f"Expected {name} to be a positive integer{more}; received {value!r}.")

"""`Faiss`: millions of items, searched approximately by the library of that name."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self, final

import numpy as np

from shortlist.bundle import Draft, Folder
from shortlist.errors import BundleError, MissingDependencyError
from shortlist.index._approximate import ApproximateIndex, check_count
from shortlist.index._candidates import Covered, Finder
from shortlist.index._live import State
from shortlist.index._rows import Rows
from shortlist.index._storage import read_config, read_items

__all__ = ["Faiss"]

_FILE = "faiss.index"
# Vectors that the parts are learned from: more find hardly better ones, and take long.
_TRAINED_ON = 128
_ADDED_AT_ONCE = 65_536
# Below so many products a query, faiss multiplies one by one, and a batch takes ten times as long.
_BLAS_FROM = 1280


@final
class Faiss(ApproximateIndex):
    """Approximate search with faiss, which updates, removes and filters (``shortlist[faiss]``).

    The kind goes by size. Below 100,000 items every item is scored, as `Exact` does (``"flat"``).
    Above, the items are divided into ``2 sqrt(N)`` parts (``"ivf"``), each dimension is a 4-bit
    code of what remains beside the part's centre, and the best ``rescored * k`` by code in the
    ``searched`` parts nearest to a query are scored by their float vectors, which are kept here
    and not in faiss. Filters and removed items are hidden inside faiss, so what they hide costs no
    place; a query for which too little is left is answered exactly.

    Loading faiss here sets ``faiss.cvar.distance_compute_blas_threshold`` to 1280 for the whole
    process, without which it multiplies small batches by a slow method.

    Args:
        kind: ``"flat"``, ``"ivf"`` or None to go by size.
        parts: how many parts; None for ``2 sqrt(N)``.
        searched: how many parts a search looks through (faiss: ``nprobe``); `tune` chooses it.
        rescored: candidates scored by their vectors, as a multiple of ``k``; likewise.
        threads: threads of a search and of building. None for one of a search, since servers have
            several searches at a time, and for ``OMP_NUM_THREADS`` of building.

    Raises:
        ConfigError: an argument is out of range.
        MissingDependencyError: faiss is not installed.

    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> index = Faiss(kind="ivf").build(draw.normal(size=(2000, 16)), np.arange(2000))
    >>> tuning = index.tune(recall=0.9, k=10, queries=draw.normal(size=(100, 16)))
    >>> tuning.reached, index.stats()["kind"]
    (True, 'ivf')
    """

    def __init__(
        self,
        *,
        kind: str | None = None,
        parts: int | None = None,
        searched: int = 64,
        rescored: float = 8.0,
        threads: int | None = None,
    ) -> None:
        super().__init__(kind=kind, parts=parts, searched=searched, rescored=rescored)
        self.threads = None if threads is None else check_count("threads", threads)
        load_faiss()

    def write(self, draft: Draft) -> None:
        """Write the index into a bundle, or a part of one; removed items are left behind."""
        finder = self._write(draft, "faiss")
        if isinstance(finder, _FaissFinder):
            faiss = load_faiss()
            faiss.write_index(finder.index, str(draft.file(_FILE)))

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Open what `write` wrote; the float vectors stay on disk and are mapped into memory."""
        config = read_config(folder, "faiss")
        names = ("kind", "parts", "searched", "rescored", "threads")
        index = cls(**{name: config[name] for name in names})
        rows = Rows.of(*read_items(folder))
        own = None
        if config["made"] is not None:
            made = _read(folder.file(_FILE), rows, config["made"])
            own = Covered(_FaissFinder(made, rows.total, index.threads), rows)
        index._state = State(rows, own)
        return index

    def _train(self, rows: Rows, parts: int) -> Finder:
        faiss = load_faiss()
        dim = rows.dim
        index = faiss.index_factory(dim, f"IVF{parts},PQ{dim}x4fs", faiss.METRIC_INNER_PRODUCT)
        # The code of what remains beside the centre of the part finds far more than that of all.
        index.by_residual = True
        living = np.flatnonzero(~rows.dead[: rows.total])
        draw = np.random.default_rng(0)
        sample = np.sort(draw.permutation(living)[: _TRAINED_ON * parts])
        index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1
        with _threads(self.threads):
            index.train(rows.vectors(sample))
        return self._with_rows(index, rows, 0)

    def _with_rows(self, index: Any, rows: Rows, start: int) -> Finder:
        with _threads(self.threads):
            for first, vectors in rows.blocks(_ADDED_AT_ONCE):
                if first + len(vectors) > start:
                    index.add(np.ascontiguousarray(vectors[max(start - first, 0) :]))
        return _FaissFinder(index, rows.total, self.threads)

    def _extend(self, finder: Finder, rows: Rows) -> Finder:
        return self._with_rows(_clone(finder), rows, finder.rows)

    def _refill(self, finder: Finder, rows: Rows, parts: int) -> Finder:
        del parts
        index = _clone(finder)
        index.reset()
        return self._with_rows(index, rows, 0)

    def _config(self) -> dict[str, Any]:
        return {**super()._config(), "threads": self.threads}


class _FaissFinder(Finder):
    """An inverted file of 4-bit codes; its numbers are those of the rows."""

    hides = True

    def __init__(self, index: Any, rows: int, threads: int | None) -> None:
        self.index = index
        self.rows = rows
        self.threads = threads or 1
        self.parts = int(index.nlist)

    def find(
        self, queries: np.ndarray, count: int, searched: int, visible: np.ndarray | None
    ) -> np.ndarray:
        faiss = load_faiss()
        told: dict[str, Any] = {"nprobe": min(searched, self.parts)}
        if visible is not None:
            bits = np.packbits(visible, bitorder="little")
            told["sel"] = faiss.IDSelectorBitmap(bits)
        params = faiss.SearchParametersIVF(**told)
        with _threads(self.threads):
            found = self.index.search(queries, count, params=params)[1]
        return np.asarray(found, dtype=np.int64)

    def products(self, chunk: np.ndarray, queries: np.ndarray, places: np.ndarray) -> np.ndarray:
        faiss = load_faiss()
        result = np.empty(places.shape, dtype=np.float32)
        address = np.ascontiguousarray(places)
        arrays = (result, np.ascontiguousarray(queries), chunk, address)
        with _threads(self.threads):
            faiss.fvec_inner_products_by_idx(
                *map(faiss.swig_ptr, arrays), chunk.shape[1], *places.shape
            )
        return result


@cache
def load_faiss() -> Any:
    """The library, with what has to be set in it once.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        faiss = importlib.import_module("faiss")
    except ImportError as error:
        raise MissingDependencyError.of("faiss-cpu", "faiss", "The Faiss index") from error
    faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM
    return faiss


def _clone(finder: Finder) -> Any:
    # faiss' own clones are whole, but crash on removal, which is therefore never asked of them.
    if not isinstance(finder, _FaissFinder):
        raise TypeError(f"Expected a finder of faiss; received {type(finder).__name__}.")
    return load_faiss().clone_index(finder.index)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let faiss use so many threads when it is called from this one."""
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    if count is None or count == before:
        yield
        return
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _read(path: Path, rows: Rows, parts: int) -> Any:
    faiss = load_faiss()
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise BundleError(f"{path} is not a file that faiss reads: {error}.") from error
    fits = isinstance(index, faiss.IndexIVFPQFastScan) and (index.ntotal, index.d, index.nlist) == (
        rows.total,
        rows.dim,
        parts,
    )
    if not fits:
        raise BundleError(
            f"{path} holds {index.ntotal} vectors of dimension {index.d} in a "
            f"{type(index).__name__}; expected {rows.total} of {rows.dim} in {parts} parts."
        )
    return index

"""`Scann`: millions of items, searched approximately by the library of that name, on Linux."""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path
from typing import Any, Self, final

import numpy as np

from shortlist.bundle import Draft, Folder
from shortlist.errors import BundleError, MissingDependencyError
from shortlist.index._approximate import ApproximateIndex
from shortlist.index._candidates import Covered, Finder
from shortlist.index._live import State
from shortlist.index._rows import Rows
from shortlist.index._storage import read_config, read_items

__all__ = ["Scann"]

_FOLDER = "scann"
_TRAINED_ON = 128
# Codes that keep what is parallel to the vector better than what is not: it is what inner products
# are made of. The value is that of the library's own examples.
_ANISOTROPIC = 0.2
_IMPORTING = threading.Lock()


@final
class Scann(ApproximateIndex):
    """Approximate search with ScaNN (``shortlist[scann]``, Linux); otherwise as `Faiss`.

    Below 100,000 items every item is scored. Above, the items are divided into ``2 sqrt(N)`` parts,
    each dimension is a 4-bit code, and the best ``rescored * k`` by code in the ``searched`` parts
    nearest to a query are scored by their float vectors, which are kept here once.

    ScaNN can neither add nor hide. New items are scored one by one until they are a hundredth of
    all, and then all is learned anew: for an index that changes much, `Faiss` is the better choice.
    For filters and removed items more candidates are asked for, in proportion to what is hidden;
    a query for which too little is left is answered exactly.

    Args:
        kind: ``"flat"``, ``"ivf"`` or None to go by size.
        parts: how many parts; None for ``2 sqrt(N)`` (ScaNN: ``num_leaves``).
        searched: how many parts a search looks through (ScaNN: ``num_leaves_to_search``); `tune`
            chooses it.
        rescored: candidates scored by their vectors, as a multiple of ``k``; likewise.

    Raises:
        ConfigError: an argument is out of range.
        MissingDependencyError: ScaNN is not installed.
    """

    def __init__(
        self,
        *,
        kind: str | None = None,
        parts: int | None = None,
        searched: int = 64,
        rescored: float = 8.0,
    ) -> None:
        super().__init__(kind=kind, parts=parts, searched=searched, rescored=rescored)
        load_scann()

    def write(self, draft: Draft) -> None:
        """Write the index into a bundle, or a part of one; removed items are left behind."""
        finder = self._write(draft, "scann")
        if isinstance(finder, _ScannFinder):
            folder = draft.file(_FOLDER)
            folder.mkdir()
            finder.searcher.serialize(str(folder), relative_path=True)

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Open what `write` wrote; the float vectors stay on disk and are mapped into memory."""
        config = read_config(folder, "scann")
        names = ("kind", "parts", "searched", "rescored")
        index = cls(**{name: config[name] for name in names})
        rows = Rows.of(*read_items(folder))
        own = None
        if config["made"] is not None:
            searcher = _read(folder.folder(_FOLDER).path, rows)
            own = Covered(_ScannFinder(searcher, rows.total, config["made"]), rows)
        index._state = State(rows, own)
        return index

    def _train(self, rows: Rows, parts: int) -> Finder:
        # Removed rows stay, so that the numbers are those of the rows.
        vectors = np.concatenate([block for _, block in rows.blocks(rows.total)])
        builder = (
            load_scann()
            .builder(vectors, 100, "dot_product")
            .tree(
                num_leaves=parts,
                num_leaves_to_search=parts,
                training_sample_size=min(rows.total, _TRAINED_ON * parts),
            )
        )
        coded = builder.score_ah(1, anisotropic_quantization_threshold=_ANISOTROPIC)
        return _ScannFinder(coded.build(), rows.total, parts)

    def _extend(self, finder: Finder, rows: Rows) -> Finder:
        return self._train(rows, finder.parts)


class _ScannFinder(Finder):
    hides = False

    def __init__(self, searcher: Any, rows: int, parts: int) -> None:
        self.searcher = searcher
        self.rows = rows
        self.parts = parts

    def find(
        self,
        queries: np.ndarray,
        count: int,
        searched: int,
        visible: np.ndarray | None,  # noqa: ARG002  (see `hides`)
    ) -> np.ndarray:
        leaves = min(searched, self.parts)
        if len(queries) == 1:
            found = np.full((1, count), -1, dtype=np.int64)
            rows, _ = self.searcher.search(
                queries[0], final_num_neighbors=count, leaves_to_search=leaves
            )
            found[0, : len(rows)] = rows
            return found
        rows, scores = self.searcher.search_batched(
            queries, final_num_neighbors=count, leaves_to_search=leaves
        )
        # Places that are not filled have no score, and the number 0.
        return np.where(np.isnan(scores), -1, rows.astype(np.int64))

    def products(self, chunk: np.ndarray, queries: np.ndarray, places: np.ndarray) -> np.ndarray:
        scores = np.matmul(chunk[places], queries[:, :, None])[:, :, 0]
        scores[places < 0] = -np.inf
        return scores


def load_scann(purpose: str = "The Scann index") -> Any:
    """The part of the library that needs no TensorFlow.

    Raises:
        MissingDependencyError: it is not installed.
    """
    with _IMPORTING:
        if sys.modules.get("scann") is None:
            # The library imports TensorFlow if it is there, for operations that we do not use: 400
            # MB, and a failure where it was built for another release. None hides it meanwhile.
            missing = object()
            before = sys.modules.get("tensorflow", missing)
            sys.modules["tensorflow"] = None  # type: ignore[assignment]
            try:
                importlib.import_module("scann")
            except ImportError as error:
                raise MissingDependencyError.of("scann", "scann", purpose) from error
            finally:
                if before is missing:
                    del sys.modules["tensorflow"]
                else:
                    sys.modules["tensorflow"] = before  # type: ignore[assignment]
    return sys.modules["scann"].scann_ops_pybind


def _read(folder: Path, rows: Rows) -> Any:
    try:
        searcher = load_scann().load_searcher(str(folder))
        size = int(searcher.size())
    except (RuntimeError, ValueError, OSError) as error:
        raise BundleError(f"{folder} is not a folder that ScaNN reads: {error}.") from error
    if size != rows.total:
        raise BundleError(f"{folder} holds {size} vectors; expected {rows.total}.")
    return searcher

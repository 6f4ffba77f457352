"""`open_index`: a saved index, whichever engine wrote it."""

from __future__ import annotations

import os

from shortlist.bundle import Folder, read_folder
from shortlist.errors import BundleError
from shortlist.index.base import Index
from shortlist.index.exact import Exact
from shortlist.index.faiss import Faiss
from shortlist.index.pgvector import PgVector
from shortlist.index.qdrant import Qdrant
from shortlist.index.scann import Scann
from shortlist.index.sharded import Sharded

__all__ = ["ENGINES", "engine_of", "open_index", "read_index"]

ENGINES: dict[str, type[Index]] = {
    "exact": Exact,
    "faiss": Faiss,
    "pgvector": PgVector,
    "qdrant": Qdrant,
    "scann": Scann,
    "sharded": Sharded,
}


def open_index(path: str | os.PathLike[str]) -> Index:
    """Open an index that `Index.save` wrote.

    Args:
        path: its folder.

    Raises:
        BundleError: the folder is incomplete, altered, from a newer version or no index.
        MissingDependencyError: the library of its engine is not installed.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Exact().build(np.eye(2), ["a", "b"]).save(f"{folder}/index")
    ...     type(open_index(f"{folder}/index")).__name__
    'Exact'
    """
    return read_index(read_folder(path, kind="index"))


def read_index(folder: Folder) -> Index:
    """The index in a bundle or a part of one, whichever engine wrote it; see `open_index`."""
    return engine_of(folder).read(folder)


def engine_of(folder: Folder) -> type[Index]:
    """The engine that wrote the index in a bundle or a part of one.

    Raises:
        BundleError: it is none of this library, or there is no index.
    """
    config = folder.read_json("index.json")
    name = config.get("engine") if isinstance(config, dict) else None
    if name not in ENGINES:
        raise BundleError(
            f"{folder.path} holds an index of the engine {name!r}; expected one of "
            f"{sorted(ENGINES)}. Load it with the class that wrote it."
        )
    return ENGINES[name]

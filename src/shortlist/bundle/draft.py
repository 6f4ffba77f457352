"""`Draft`: a bundle being written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shortlist.bundle.formats import encode_json, write_arrays, write_table
from shortlist.bundle.manifest import check_name
from shortlist.errors import BundleError

__all__ = ["Draft"]


class Draft:
    """Where a writer puts its files; `write_folder` makes one and seals it afterwards.

    Names are relative paths with ``/``; folders on the way are made. A name may be used once.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def file(self, name: str) -> Path:
        """A path for ``name`` that does not exist yet, for libraries that write by themselves.

        Raises:
            BundleError: the name is unusable or taken.
        """
        path = self._root / check_name(name, self._root)
        if path.exists():
            raise BundleError(f"The bundle's file {name!r} was written twice; use another name.")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def folder(self, name: str) -> Draft:
        """The draft of a part, which writes as if it were a bundle of its own."""
        return Draft(self._root / check_name(name, self._root))

    def write_json(self, name: str, value: Any) -> None:
        """Write ``value`` as strict JSON: no NaN, no infinity, string keys only."""
        self.file(name).write_bytes(encode_json(value, name))

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> Path:
        """Write numeric or boolean arrays, by name, as safetensors; returns the file's path."""
        path = self.file(name)
        write_arrays(path, arrays)
        return path

    def write_table(self, name: str, table: pl.DataFrame) -> None:
        """Write a frame as Parquet: the way to store ids, be they integers, strings or bytes."""
        write_table(self.file(name), table)

"""`Ingested`: what an ingest wrote, as a table of memory maps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple, Self, final
from urllib.parse import quote

import numpy as np
import polars as pl

from shortlist.bundle.formats import decode_json
from shortlist.data.tables import ArrayTable
from shortlist.errors import BundleError, ConfigError, nearest

__all__ = ["FACTS", "VERSION", "Ingested", "Skipped", "column_path", "ids_path"]

FACTS = "columns.json"
VERSION = 1


class Skipped(NamedTuple):
    """A file that was left out, and why."""

    path: Path
    problem: str


@final
class Ingested(ArrayTable):
    """Columns in memory maps, for `shortlist.data.Batches`; it is what `ingest` returns.

    Attributes:
        folder: where they lie; each is an ``.npy`` file that `numpy.load` reads as well.
        columns: the arrays ``[N, ...]`` by name, read-only.
        sizes: for each column of codes the number of codes with code 0: the rows that an
            embedding table needs.
        skipped: the files that were left out, and why.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.folder = Path(path)
        facts = read_facts(self.folder)
        try:
            self.plan: dict[str, Any] = facts["plan"]
            self.sizes = {name: count + 1 for name, count in facts["codes"].items()}
            self.skipped = tuple(Skipped(Path(p), why) for p, why in facts["skipped"])
            self.columns = {
                name: _mapped(self.folder, name, np.dtype(dtype), (facts["rows"], *shape))
                for name, (dtype, shape) in facts["columns"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"{self.folder / FACTS} is damaged: {error!r}.") from error
        super().__init__(self.columns)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open a folder that `ingest` has finished.

        Raises:
            BundleError: there is none, it is unfinished, or a file is missing or cut short.
        """
        return cls(path)

    def ids(self, name: str) -> pl.Series:
        """The ids of a column of codes; the first has code 1, as in ``Vocabulary(ids)``.

        Raises:
            ConfigError: there is no such column of codes.
        """
        if name not in self.sizes:
            raise ConfigError(
                f"Expected a column of codes, one of {[*self.sizes]}; received {name!r}."
                f"{nearest(name, self.sizes)}"
            )
        return pl.read_parquet(ids_path(self.folder, name))["id"]

    def __repr__(self) -> str:
        return f"Ingested({len(self):,} rows: {', '.join(self.columns)})"


def column_path(folder: Path, name: str) -> Path:
    """The file of a column; its name may hold anything."""
    return folder / "columns" / f"{quote(name, safe=' ')}.npy"


def ids_path(folder: Path, name: str) -> Path:
    """The file of a column's ids."""
    return folder / "ids" / f"{quote(name, safe=' ')}.parquet"


def read_facts(folder: Path) -> dict[str, Any]:
    """What a finished folder says of itself.

    Raises:
        BundleError: it is no finished folder, or of a later version.
    """
    try:
        facts = decode_json((folder / FACTS).read_bytes(), folder / FACTS)
    except OSError as error:
        part = folder.with_name(f"{folder.name}.part")
        hint = (
            f" {part} is unfinished; call ingest again to go on with it." if part.exists() else ""
        )
        raise BundleError(f"{folder} holds no ingested columns: {error.strerror}.{hint}") from error
    if not isinstance(facts, dict) or facts.get("version") != VERSION:
        raise BundleError(
            f"{folder / FACTS} expected version {VERSION}; found "
            f"{facts.get('version') if isinstance(facts, dict) else facts!r}."
        )
    return facts


def _mapped(folder: Path, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
    path = column_path(folder, name)
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BundleError(f"Cannot map {path}: {error}.") from error
    if array.dtype != dtype or array.shape != shape:
        raise BundleError(
            f"{path} expected {dtype} {shape}; found {array.dtype} {array.shape}. It is damaged."
        )
    return array

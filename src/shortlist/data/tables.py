"""Where batches take their rows from: arrays in memory, memory maps, Parquet files."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl

from shortlist.data.sources import expand_paths
from shortlist.errors import ConfigError, DataError, SchemaError

__all__ = ["ArrayTable", "ParquetTable", "Table"]

_MAPPED_BLOCK = 4_096
_MAPPED_WINDOW = 256


class Table(Protocol):
    """Rows that can be taken in any order, and which of them are cheap to take together.

    Attributes:
        blocks: ``[n + 1]`` offsets of the runs of rows that are cheap to read together.
        window: how many blocks a shuffle mixes, and may hold in memory, at a time.
    """

    blocks: np.ndarray
    window: int

    def __len__(self) -> int: ...

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Every column at ``rows`` ``[B]``, each ``[B, ...]``."""


class ArrayTable:
    """Columns in memory or in memory maps.

    Args:
        columns: arrays ``[N, ...]``, or objects with ``__len__`` and ``take(rows) -> array`` such
            as `HistoryColumn`, by name.
        block_rows: how many rows make a block; by default 4,096 where a column is a memory map,
            so that a shuffle reads whole runs of it, and all of them otherwise.
        window: how many blocks are shuffled together.

    Raises:
        SchemaError: there are no columns, or they differ in length.
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        *,
        block_rows: int | None = None,
        window: int = _MAPPED_WINDOW,
    ) -> None:
        self._columns = {name: _as_column(name, column) for name, column in columns.items()}
        lengths = {name: len(column) for name, column in self._columns.items()}
        if len(set(lengths.values())) != 1:
            raise SchemaError(f"Expected columns of one length; received {lengths}.")
        self._rows = next(iter(lengths.values()))
        if block_rows is None and any(map(_is_mapped, self._columns.values())):
            block_rows = _MAPPED_BLOCK
        self.blocks = _offsets(self._rows, block_rows or max(self._rows, 1))
        self.window = window

    def __len__(self) -> int:
        return self._rows

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Every column at ``rows`` ``[B]``, each ``[B, ...]``."""
        return {
            name: np.asarray(column[rows] if isinstance(column, np.ndarray) else column.take(rows))
            for name, column in self._columns.items()
        }


class ParquetTable:
    """Parquet files larger than memory, read a run of rows at a time.

    Args:
        source: a path, a glob or a list of them; the files count in the order given (a glob's
            by name).
        columns: which columns to read; by default all.
        transform: makes a block's frame into the arrays of a batch, row for row, such as the
            ``transform`` of a fitted encoder; by default each column becomes an array.
        block_rows: how many rows are read at a time.
        window: how many blocks are shuffled together. That many are held in memory, so about
            ``window * block_rows`` rows.

    Raises:
        SchemaError: the files' columns differ, or one asked for is missing.
        DataError: a file cannot be read, or a column cannot become an array without a transform.
    """

    def __init__(
        self,
        source: str | Path | Sequence[str | Path],
        *,
        columns: Sequence[str] | None = None,
        transform: Callable[[pl.DataFrame], Mapping[str, np.ndarray]] | None = None,
        block_rows: int = 65_536,
        window: int = 16,
    ) -> None:
        if block_rows < 1 or window < 1:
            raise ConfigError(
                f"block_rows and window expected 1 or more; received {block_rows!r}, {window!r}."
            )
        self._paths = expand_paths(source)
        self._columns = _common_columns(self._paths, columns)
        self._transform = transform or _to_arrays
        lengths = [_scan(path, lambda lazy: lazy.select(pl.len())).item() for path in self._paths]
        offsets = [_offsets(length, block_rows) for length in lengths]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        parts = [part[:-1] + start for part, start in zip(offsets, starts, strict=False)]
        self.blocks = np.concatenate([*parts, starts[-1:]]).astype(np.int64)
        self.window = window
        self._file_of_block = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        self._file_starts = starts
        self._held: OrderedDict[int, Mapping[str, np.ndarray]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return int(self.blocks[-1])

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Every column at ``rows`` ``[B]``, each ``[B, ...]``."""
        rows = np.asarray(rows, dtype=np.int64)
        block_of_row = np.searchsorted(self.blocks, rows, side="right") - 1
        order = np.argsort(block_of_row, kind="stable")
        blocks, begins = np.unique(block_of_row[order], return_index=True)
        taken: dict[str, np.ndarray] = {}
        with self._lock:
            for block, places in zip(blocks, np.split(order, begins[1:]), strict=True):
                for name, values in self._block(int(block)).items():
                    if name not in taken:
                        taken[name] = np.empty((len(rows), *values.shape[1:]), dtype=values.dtype)
                    taken[name][places] = values[rows[places] - self.blocks[block]]
        return taken

    def _block(self, block: int) -> Mapping[str, np.ndarray]:
        if block in self._held:
            self._held.move_to_end(block)
            return self._held[block]
        while len(self._held) >= self.window:
            self._held.popitem(last=False)
        file = int(self._file_of_block[block])
        start = int(self.blocks[block] - self._file_starts[file])
        count = int(self.blocks[block + 1] - self.blocks[block])
        frame = _scan(
            self._paths[file], lambda lazy: lazy.select(self._columns).slice(start, count)
        )
        made = self._transform(frame)
        self._held[block] = made
        return made


def _offsets(rows: int, block_rows: int) -> np.ndarray:
    return np.append(np.arange(0, rows, block_rows), rows)


def _as_column(name: str, column: Any) -> Any:
    if isinstance(column, np.ndarray):
        return column
    if isinstance(column, list | tuple) or hasattr(column, "__array__"):
        return np.asarray(column)
    if hasattr(column, "take") and hasattr(column, "__len__"):
        return column
    raise SchemaError(
        f"Column {name!r} expected an array, or an object with __len__ and take(rows); received "
        f"{type(column).__name__}."
    )


def _is_mapped(column: Any) -> bool:
    """Whether an array, or what it is a view of, is a memory map."""
    while isinstance(column, np.ndarray):
        if isinstance(column, np.memmap):
            return True
        column = column.base
    return False


def _scan(path: Path, query: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
    try:
        return query(pl.scan_parquet(path)).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).split("\n\n", maxsplit=1)[0]
        raise DataError(f"Cannot read {str(path)!r} as Parquet: {reason}.") from error


def _common_columns(paths: Sequence[Path], asked: Sequence[str] | None) -> list[str]:
    """The columns to read, once every file is known to have them, with the same types."""
    schemas = [_scan(path, lambda lazy: lazy.head(0)).schema for path in paths]
    columns = list(schemas[0]) if asked is None else list(asked)
    for path, schema in zip(paths, schemas, strict=True):
        for name in columns:
            if name not in schema:
                raise SchemaError(
                    f"Expected a column {name!r} in {str(path)!r}; found {list(schema)}."
                )
            if schema[name] != schemas[0][name]:
                raise SchemaError(
                    f"Column {name!r} is {schemas[0][name]} in {str(paths[0])!r} and "
                    f"{schema[name]} in {str(path)!r}. Give it one type."
                )
    return columns


def _to_arrays(frame: pl.DataFrame) -> dict[str, np.ndarray]:
    for column in frame:
        if column.dtype.is_nested() or column.null_count():
            what = f"is {column.dtype}" if column.dtype.is_nested() else "holds nulls"
            raise DataError(
                f"Column {column.name!r} {what} and cannot become an array. Leave it out with "
                "columns=..., or pass a transform, such as that of a fitted encoder."
            )
    return {column.name: column.to_numpy() for column in frame}

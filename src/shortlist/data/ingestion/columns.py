"""A block of rows as arrays, and the files that they are appended to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from shortlist.data.schema import id_column
from shortlist.errors import BundleError, ConfigError, DataError, SchemaError

__all__ = ["ColumnFile", "Columns", "Transform", "to_ids", "to_values"]

Transform = Callable[[pl.DataFrame], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Columns:
    """What becomes of the columns of the files.

    Attributes:
        codes: columns of ids that become codes.
        values: columns of numbers that stay as they are.
        transform: makes further arrays of a block's frame.
        read: the columns that are read; None for all.
    """

    codes: tuple[str, ...]
    values: tuple[str, ...]
    transform: Transform | None
    read: tuple[str, ...] | None

    @classmethod
    def of(
        cls,
        codes: Sequence[str],
        values: Sequence[str],
        transform: Transform | None,
        columns: Sequence[str] | None,
    ) -> Columns:
        """Check what was asked for.

        Raises:
            ConfigError: nothing was, or a column twice.
        """
        for name, given in (("codes", codes), ("values", values), ("columns", columns or ())):
            if isinstance(given, str):
                raise ConfigError(f"{name} expected a list of columns; received {given!r}.")
        own = [*codes, *values]
        if not own and transform is None:
            raise ConfigError("ingest expected codes=, values= or transform=; received none.")
        twice = next((name for name in own if own.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(f"Column {twice!r} was asked for twice; name it once.")
        if columns is not None and transform is None:
            raise ConfigError("columns= are what transform= reads; received no transform.")
        read = None if transform is not None and columns is None else (*own, *(columns or ()))
        distinct = None if read is None else tuple(dict.fromkeys(read))
        return cls(tuple(codes), tuple(values), transform, distinct)

    def transformed(self, frame: pl.DataFrame) -> dict[str, np.ndarray]:
        """What the transform makes of a block.

        Raises:
            DataError: it makes arrays of another number of rows, or under a name that is taken.
        """
        if self.transform is None:
            return {}
        made = {name: np.asarray(array) for name, array in self.transform(frame).items()}
        for name, array in made.items():
            if name in (*self.codes, *self.values):
                raise DataError(f"transform made {name!r}, which is a column of codes or values.")
            if array.ndim == 0 or len(array) != frame.height or array.dtype.hasobject:
                raise DataError(
                    f"transform expected to make arrays of numbers with a row for each of "
                    f"{frame.height}; {name!r} is {array.dtype} {array.shape}."
                )
        return made


def to_ids(column: pl.Series, where: str) -> pl.Series:
    """A column of ids as Int64, String or Binary.

    Raises:
        SchemaError: it holds no ids.
        DataError: an id is missing.
    """
    return id_column(column, f"Column {column.name!r} of {where}")


def to_values(column: pl.Series, where: str) -> np.ndarray:
    """A column of numbers as an array; times as seconds since 1970, float64.

    Raises:
        SchemaError: it holds no numbers.
        DataError: a number is missing.
    """
    dtype = column.dtype
    if not (dtype.is_numeric() or dtype == pl.Boolean or dtype in (pl.Date, pl.Datetime)):
        raise SchemaError(
            f"Column {column.name!r} of {where} expected numbers, booleans or times; received "
            f"{dtype}. Ids become numbers with codes=, anything else with transform=."
        )
    if column.null_count():
        raise DataError(
            f"Column {column.name!r} of {where} expected a value in every row; row "
            f"{column.is_null().arg_true()[0]} holds null. Fill such rows first."
        )
    if dtype in (pl.Date, pl.Datetime):
        return column.cast(pl.Datetime("us")).to_physical().to_numpy() / 1e6
    return column.cast(pl.Float64).to_numpy() if dtype.is_decimal() else column.to_numpy()


class ColumnFile:
    """An array on disk that grows: an ``.npy`` file whose header is written at the end.

    Args:
        path: the file; it is opened where it exists.
        like: rows as they will be appended, for their type and shape.
        rows: how many rows of the file count; what was written after them goes.

    Raises:
        BundleError: there are fewer.
    """

    def __init__(self, path: Path, like: np.ndarray, rows: int = 0) -> None:
        self.path = path
        self.dtype = like.dtype.newbyteorder("<")
        self.shape = like.shape[1:]
        self.rows = rows
        self._file = path.open("r+b" if path.exists() else "x+b", buffering=0)
        self._write_header(0)
        self._begin = self._file.tell()
        self._width = self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64))
        if self.path.stat().st_size < self._begin + rows * self._width:
            self._file.close()
            raise BundleError(
                f"{path} expected {rows:,} rows; it is shorter. Remove {path.parents[1]} to begin "
                "anew."
            )
        self.cut(rows)

    def append(self, array: np.ndarray) -> None:
        """Write further rows.

        Raises:
            DataError: they are of another type or shape than the first ones.
        """
        if array.dtype != self.dtype or array.shape[1:] != self.shape:
            raise DataError(
                f"Column {self.path.stem!r} was {self.dtype} {self.shape} in the first rows and is "
                f"{array.dtype} {array.shape[1:]} in later ones. Give it one type and shape."
            )
        view = np.ascontiguousarray(array, dtype=self.dtype).reshape(-1).view(np.uint8).data
        while len(view):
            view = view[self._file.write(view) :]
        self.rows += len(array)

    def cut(self, rows: int) -> None:
        """Keep the first ``rows`` rows."""
        self._file.truncate(self._begin + rows * self._width)
        self._file.seek(0, os.SEEK_END)
        self.rows = rows

    def sync(self) -> None:
        """Have what was written on the disk."""
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Write the header and close the file."""
        self._write_header(self.rows)
        self.sync()
        self._file.close()

    def close(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _write_header(self, rows: int) -> None:
        # NumPy leaves room in it for the first axis to grow, so it is as long for any number.
        self._file.seek(0)
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": (rows, *self.shape),
            },
        )

"""Vectors, ids and attributes from the files that `shortlist index` is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shortlist.errors import ConfigError, DataError, SchemaError, nearest

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

__all__ = ["Items", "read_items", "read_vectors"]


@dataclass(frozen=True, eq=False)
class Items:
    """What an index is built from.

    Attributes:
        vectors: ``[N, D]``.
        ids: ``N`` of them.
        attributes: the other columns of the file, or None where there are none.
    """

    vectors: np.ndarray
    ids: Any
    attributes: pl.DataFrame | None


def read_items(path: Path, ids: Path | None, id_column: str, vector_column: str) -> Items:
    """Read what to index.

    Args:
        path: a Parquet file with a column of ids and one of vectors, whose other columns are
            attributes; or a ``.npy`` file of vectors.
        ids: for ``.npy``, a ``.npy`` or text file (a line each) of ids; None numbers them from 0.
        id_column: of a Parquet file.
        vector_column: likewise.

    Raises:
        ConfigError: the kind of a file is not known.
        DataError: a file cannot be read, or holds something else.
        SchemaError: a column is missing.
    """
    import numpy as np

    if path.suffix == ".npy":
        vectors = _numpy(path)
        given = np.arange(len(vectors)) if ids is None else _ids(ids)
        return Items(vectors, given, None)
    table = _parquet(path)
    for column in (id_column, vector_column):
        if column not in table.columns:
            raise SchemaError(
                f"{path} has no column {column!r}; it has {', '.join(table.columns)}."
                f"{nearest(column, table.columns)} Name it with --id-column or --vector-column."
            )
    others = table.drop(id_column, vector_column)
    return Items(
        _matrix(path, table[vector_column]),
        table[id_column],
        others if others.width else None,
    )


def read_vectors(path: Path, vector_column: str) -> np.ndarray:
    """Read queries ``[N, D]`` from a ``.npy`` or a Parquet file."""
    if path.suffix == ".npy":
        return _numpy(path)
    table = _parquet(path)
    if vector_column not in table.columns:
        raise SchemaError(
            f"{path} has no column {vector_column!r}; it has {', '.join(table.columns)}."
            f"{nearest(vector_column, table.columns)} Name it with --vector-column."
        )
    return _matrix(path, table[vector_column])


def _numpy(path: Path) -> np.ndarray:
    import numpy as np

    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as error:
        raise DataError(f"Could not read the array {path}: {error}.") from error


def _ids(path: Path) -> Any:
    if path.suffix == ".npy":
        return _numpy(path)
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Could not read the ids {path}: {error}.") from error


def _parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    if path.suffix not in (".parquet", ".pq"):
        raise ConfigError(f"Expected a .npy or a .parquet file; received {path}.")
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"Could not read the table {path}: {error}.") from error


def _matrix(path: Path, column: pl.Series) -> np.ndarray:
    import numpy as np
    import polars as pl

    if not isinstance(column.dtype, pl.List | pl.Array):
        raise SchemaError(
            f"Expected column {column.name!r} of {path} to hold lists of numbers; it holds "
            f"{column.dtype}."
        )
    lengths = column.list.len() if isinstance(column.dtype, pl.List) else column.arr.len()
    if lengths.null_count() or lengths.n_unique() != 1:
        raise DataError(
            f"Expected vectors of one length in column {column.name!r} of {path}; they have "
            f"{sorted(set(lengths.to_list()), key=str)[:5]}."
        )
    flat = column.explode() if isinstance(column.dtype, pl.List) else column.arr.explode()
    if flat.null_count():
        raise DataError(f"Column {column.name!r} of {path} holds vectors with missing numbers.")
    return np.asarray(flat.to_numpy()).reshape(len(column), -1)

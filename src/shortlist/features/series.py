"""Anything a column may come as, turned into one polars Series; and the kinds of ids."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import polars as pl

from shortlist.errors import DataError
from shortlist.features.objects import build, from_objects

__all__ = ["FEW", "as_series", "flatten", "id_kind", "ids_of", "is_list"]

# Up to so many rows plain Python is faster than setting up a vectorised call: requests to a server.
FEW = 64


def as_series(values: Any) -> pl.Series:
    """One column as a polars Series; NaN in pandas and None anywhere become null.

    Args:
        values: a polars, pandas or Arrow column, a NumPy array (each entry of the first axis is
            a row) or a list.

    Raises:
        DataError: it is not a column, or its values are not all of one type.

    >>> as_series(["a", None]).to_list()
    ['a', None]
    """
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise DataError(
            f"Expected a column: an array, a Series or a list; received {values!r:.80}. "
            "Put a single value into a list: [value]."
        )
    if isinstance(values, pl.Series):
        series = values
    elif isinstance(values, list | tuple) or _holds_objects(values):
        series = from_objects(list(values))
    else:
        series = build(values)
    if series.dtype in (pl.Categorical, pl.Enum):
        return series.cast(pl.String)
    return series


def _holds_objects(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.dtype == object


def is_list(dtype: pl.DataType) -> bool:
    """Whether each row of such a column is a list."""
    return dtype in (pl.List, pl.Array)


def flatten(lists: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """All entries of a list column one after the other, and how many each row has (int64).

    >>> entries, lengths = flatten(pl.Series([["a", "b"], [], None, ["c"]]))
    >>> entries.to_list(), lengths.tolist()
    (['a', 'b', 'c'], [2, 0, 0, 1])
    """
    if lists.dtype == pl.Array:
        lists = lists.arr.to_list()
    if len(lists) <= FEW:
        rows = [row or [] for row in lists.to_list()]
        inner = cast(pl.List, lists.dtype).inner
        entries = pl.Series([entry for row in rows for entry in row], dtype=inner)
        return entries, np.array([len(row) for row in rows], dtype=np.int64)
    column = pl.col(lists.name)
    # Of one query, as each costs a tenth of a millisecond however few the rows.
    lengths = lists.to_frame().select(column.list.len().fill_null(0).cast(pl.Int64)).to_series()
    counts = lengths.to_numpy()
    # explode() makes a row of an empty list, so only the others go through it.
    return (lists if counts.all() else lists.filter(counts > 0)).explode(), counts


def id_kind(dtype: pl.DataType) -> str | None:
    """The kind of ids a column of ``dtype`` holds; None where it holds only nulls.

    Raises:
        DataError: such values cannot be ids.
    """
    if dtype == pl.String:
        return "str"
    if dtype.is_integer():
        return "int"
    if dtype == pl.Binary:
        return "bytes"
    if dtype == pl.Boolean:
        return "bool"
    if dtype == pl.Null:
        return None
    hints = ""
    if dtype.is_float():
        hints = (
            " Integers with missing values become floats in pandas: use .astype('Int64'). "
            "For real numbers use Numeric."
        )
    elif dtype.is_temporal():
        hints = " Use Timestamp for times, or cast them to strings."
    elif is_list(dtype):
        hints = " For several ids a row use MultiCategorical, or Vocabulary.encode_lists."
    raise DataError(f"Expected ids that are str, int, bytes or bool; received {dtype}.{hints}")


def ids_of(values: Any) -> pl.Series:
    """A flat Series of ids without nulls: Int64 (UInt64 if need be), String, Binary or Boolean.

    Lists are flattened.

    Raises:
        DataError: the values are not ids, are of several types, or need more than 64 bits.
    """
    series = as_series(values)
    while is_list(series.dtype):
        series, _ = flatten(series)
    series = series.drop_nulls()
    if id_kind(series.dtype) != "int" or series.dtype == pl.Int64:
        return series
    for dtype in (pl.Int64, pl.UInt64):
        if (cast := series.cast(dtype, strict=False)).null_count() == 0:
            return cast
    raise DataError(
        f"Expected integer ids of 64 bits; received from {series.min()!r} to {series.max()!r}. "
        "Convert them to strings."
    )

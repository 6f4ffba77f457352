"""The columns of whatever a frame may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from shortlist.errors import DataError, SchemaError, nearest
from shortlist.features.series import as_series

__all__ = ["columns_of"]


def columns_of(frame: Any, names: Iterable[str]) -> dict[str, pl.Series]:
    """The named columns of a frame, as Series of one length.

    Args:
        frame: a polars DataFrame or LazyFrame, a pandas DataFrame, an Arrow table, or a mapping
            from names to arrays or lists.
        names: the columns that are needed; the frame may have others, which are not looked at.

    Raises:
        SchemaError: a column is missing.
        DataError: ``frame`` is no frame, or its columns have different lengths.

    >>> columns_of({"age": [25, 31], "note": ["x", "y"]}, ["age"])["age"].to_list()
    [25, 31]
    """
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    elif not (isinstance(frame, pl.DataFrame | Mapping) or _is_pandas(frame)):
        frame = _from_arrow(frame)
    present = list(frame if isinstance(frame, Mapping) else frame.columns)
    columns: dict[str, pl.Series] = {}
    for name in names:
        if name not in present:
            raise SchemaError(
                f"Expected a column {name!r}; the frame has {present}.{nearest(name, present)}"
            )
        try:
            columns[name] = as_series(frame[name])
        except DataError as error:
            raise DataError(f"Column {name!r}: {error}") from error
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"Expected columns of one length; received {lengths}.")
    return columns


def _is_pandas(frame: Any) -> bool:
    # Its columns are taken one by one: those that are not needed may be unreadable.
    return type(frame).__module__.split(".")[0] == "pandas" and hasattr(frame, "columns")


def _from_arrow(frame: Any) -> pl.DataFrame:
    if not hasattr(frame, "__arrow_c_stream__"):
        raise DataError(
            "Expected a polars or pandas DataFrame, an Arrow table, or a dict of columns; "
            f"received {type(frame).__name__}."
        )
    return pl.DataFrame(frame)

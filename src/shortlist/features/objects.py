"""Python values to a polars Series, with their types checked.

polars takes the type of a column from its first values. Of flat lists it then refuses others, but
in lists of lists it cuts 1.5 down to 1 and turns 1 into "1". Here every value is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import DataError

__all__ = ["build", "from_objects"]

_NONE = type(None)


def from_objects(values: Sequence[Any]) -> pl.Series:
    """A Series of Python values, or of lists of them, all of one type or None.

    Integers among floats become floats. Integers may have up to 127 bits.

    Raises:
        DataError: the values are of several types; the first two that differ are named.

    >>> from_objects([[1], None, [2.5]]).to_list()
    [[1.0], None, [2.5]]
    """
    kinds = {_kind(kind) for kind in set(map(type, values))} - {_NONE}
    if kinds == {list}:
        return _from_lists(values)
    if kinds == {int, float}:
        return pl.Series([None if value is None else float(value) for value in values])
    if len(kinds) > 1:
        raise DataError(
            f"Expected values of one type; received {_difference(values)}. Convert them all to "
            "one type; use None for what is missing."
        )
    try:
        return build(values)
    except DataError:
        if kinds != {int}:
            raise
        return build(values, pl.Int128)  # the first ones were small, and polars took all to be so


def build(values: Any, dtype: type[pl.DataType] | pl.DataType | None = None) -> pl.Series:
    """What polars makes of ``values``; its refusals, and types it does not know, as `DataError`."""
    try:
        series = pl.Series(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise DataError(
            "Expected a column of str, int, bytes, bool, numbers, times or lists of them; "
            f"polars says: {str(error).splitlines()[0]}."
        ) from error
    if series.dtype == pl.Object:
        found = type(series.drop_nulls()[0]).__name__
        raise DataError(
            "Expected a column of str, int, bytes, bool, numbers, times or lists of them; "
            f"received {found} objects. Convert them, for example with str()."
        )
    return series


def _from_lists(values: Sequence[Any]) -> pl.Series:
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    alike = len({(array.shape, array.dtype) for array in arrays}) == 1
    if alike and len(arrays) == len(values) and arrays[0].dtype != object:
        return build(np.stack(arrays))
    rows = [None if row is None else _plain(row) for row in values]
    inner = from_objects([entry for row in rows if row is not None for entry in row]).dtype
    return build(rows, pl.List(inner))


def _plain(row: Any) -> list[Any]:
    if isinstance(row, np.ndarray):
        return list(row.tolist())
    return row.to_list() if isinstance(row, pl.Series) else list(row)


def _kind(kind: type) -> type:
    """One type for those that mean the same."""
    for general, special in (
        (bool, np.bool_),
        (int, np.integer),
        (float, np.floating),
        (str, np.str_),
        (bytes, np.bytes_),
        (list, (tuple, np.ndarray, pl.Series)),
    ):
        if kind is general or issubclass(kind, special):
            return general
    return kind


def _difference(values: Sequence[Any]) -> str:
    """Where the first two types meet in ``values``."""
    present = ((place, value) for place, value in enumerate(values) if value is not None)
    _, first = next(present)
    for place, value in present:
        if _kind(type(value)) is not _kind(type(first)):
            return (
                f"{type(first).__name__} ({first!r:.40}) and, at place {place}, "
                f"{type(value).__name__} ({value!r:.40})"
            )
    return "several"

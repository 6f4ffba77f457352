"""What a table must be before it counts as interactions: names, kinds and values of its columns.

Every check is vectorised, and every error names the caller's own column and the first offending
row, counted from 0 in the order of the source.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from shortlist.errors import DataError, SchemaError, nearest

__all__ = ["canonical", "duplicate_rows", "duplicates_error", "id_column"]

_MEANING = {
    "user": "the users' ids",
    "item": "the items' ids",
    "time": "the time of each interaction",
    "rating": "the ratings",
    "weight": "the weights",
}
# Beyond 2**53 a float no longer tells whole numbers apart.
_EXACT_FLOAT = 2.0**53


def canonical(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """Rename and check the columns of ``frame``.

    Args:
        frame: the table as read.
        columns: the caller's column name for each role among user, item, time, rating, weight.

    Returns:
        The same rows with the roles' columns first, under the names of their roles, and every
        further column after them.

    Raises:
        SchemaError: a column is missing, misnamed or of the wrong kind.
        DataError: there is no row, or a value cannot be used.
    """
    for role, column in columns.items():
        if column not in frame.columns:
            raise _missing(role, column, frame.columns)
    _check_names(frame.columns, columns)
    if frame.height == 0:
        raise DataError(
            f"Expected at least one interaction; the source has columns {frame.columns} and no row."
        )
    checks = {
        "user": id_column,
        "item": id_column,
        "time": _times,
        "rating": _numbers,
        "weight": _weights,
    }
    roles = [
        checks[role](frame[column], f"Column {column!r} ({_MEANING[role]})").alias(role)
        for role, column in columns.items()
    ]
    taken = set(columns.values())
    return pl.DataFrame(roles + [frame[name] for name in frame.columns if name not in taken])


def duplicate_rows(frame: pl.DataFrame) -> np.ndarray:
    """Rows ``[D]`` that equal an earlier row in every column, in ascending order.

    >>> duplicate_rows(pl.DataFrame({"user": [1, 2, 1], "item": [5, 5, 5]})).tolist()
    [2]
    """
    hashes = _hashes(frame)
    if hashes.n_unique() == len(hashes):
        return np.empty(0, dtype=np.int64)
    # Equal hashes only make candidates; the exact comparison is slow and sees few rows.
    candidates = hashes.is_duplicated().arg_true()
    repeated = ~frame[candidates].select(pl.struct(pl.all()).is_first_distinct()).to_series()
    return candidates.filter(repeated).to_numpy().astype(np.int64)


def duplicates_error(frame: pl.DataFrame, rows: np.ndarray) -> DataError:
    """The error for the duplicates at ``rows``: how many, the first pair of them, the remedy."""
    second = int(rows[0])
    hashes = _hashes(frame[: second + 1])
    alike = (hashes == hashes[second]).arg_true().to_list()
    values = frame.row(second)
    first = next((row for row in alike if frame.row(row) == values), alike[0])
    return DataError(
        f"Expected distinct rows; {len(rows):,} equal an earlier one in every column. The first is "
        f"row {second}, equal to row {first}: {frame.row(second, named=True)} (rows count from 0). "
        "Pass duplicates='drop' to keep one of each or duplicates='keep' to keep them all."
    )


def _hashes(frame: pl.DataFrame) -> pl.Series:
    # Older versions of polars cannot hash lists; the other columns tell most rows apart.
    flat = [name for name, dtype in frame.schema.items() if not dtype.is_nested()]
    return frame.select(flat or frame.columns).hash_rows()


def _missing(role: str, column: str, found: list[str]) -> SchemaError:
    guess = nearest(column, found) or nearest(role, found)
    name = guess.split("'")[1] if guess else "..."
    remedy = f"Say which column it is: Interactions(source, {role}={name!r})"
    if role == "time":
        remedy += "; or pass time=None where there is none"
    return SchemaError(
        f"Expected a column {column!r} ({_MEANING[role]}); found the columns {found}.{guess} "
        f"{remedy}."
    )


def _check_names(found: list[str], columns: Mapping[str, str]) -> None:
    used = list(columns.values())
    twice = next((column for column in used if used.count(column) > 1), None)
    if twice is not None:
        roles = [role for role, column in columns.items() if column == twice]
        raise SchemaError(f"Expected one column for each role; {twice!r} was given for {roles}.")
    for role, meaning in _MEANING.items():
        if role in found and role not in used:
            instead = columns.get(role)
            said = f"{role}=None" if instead is None else f"{role}={instead!r}"
            raise SchemaError(
                f"The source has a column {role!r}, which would be taken for {meaning}, "
                f"but {said} was given. Rename or drop that column, or pass {role}={role!r}."
            )


def _first(mask: pl.Series) -> str:
    rows = mask.arg_true()
    more = f" (one of {len(rows):,} such rows)" if len(rows) > 1 else ""
    return f"row {rows[0]}{more}"


def _no_nulls(values: pl.Series, what: str, expected: str) -> None:
    if values.null_count():
        raise DataError(
            f"{what} expected {expected} in every row; {_first(values.is_null())} holds null. "
            "Drop or fill such rows first."
        )


def id_column(values: pl.Series, what: str) -> pl.Series:
    """Ids as Int64, String or Binary, whatever they were; ``what`` begins an error.

    Raises:
        SchemaError: the column can hold no ids.
        DataError: an id is missing, or is a number that is not whole.
    """
    dtype = values.dtype
    if dtype.is_float():
        values = values.fill_nan(None)
    _no_nulls(values, what, "an id")
    if dtype.is_float():
        return _whole_ids(values, what)
    if dtype in (pl.Categorical, pl.Enum, pl.String):
        return values.cast(pl.String)
    if dtype == pl.Binary:
        return values
    if dtype.is_integer() or (isinstance(dtype, pl.Decimal) and dtype.scale == 0):
        integers = values.cast(pl.Int64, strict=False)
        if integers.null_count():
            bad = integers.is_null()
            raise DataError(
                f"{what} expected integers of 64 bits; {_first(bad)} holds {values.filter(bad)[0]}."
                " Pass such ids as strings."
            )
        return integers
    raise SchemaError(f"{what} expected integers, strings or bytes; received {dtype}.")


def _whole_ids(values: pl.Series, what: str) -> pl.Series:
    bad = (values != values.round(0)) | (values.abs() >= _EXACT_FLOAT)
    if bad.any():
        raise DataError(
            f"{what} expected integers, strings or bytes; {_first(bad)} holds the number "
            f"{values.filter(bad)[0]}. Floats are taken only where they are whole and below 2**53."
        )
    return values.cast(pl.Int64)


def _times(values: pl.Series, what: str) -> pl.Series:
    _no_nulls(values, what, "a time")
    if values.dtype == pl.String:
        values = _parse_times(values, what)
    if values.dtype.is_temporal():
        values = _epoch_seconds(values, what)
    if isinstance(values.dtype, pl.Decimal):
        values = values.cast(pl.Float64)
    if not values.dtype.is_numeric():
        raise SchemaError(f"{what} expected numbers, datetimes or dates; received {values.dtype}.")
    bad = values < 0
    if values.dtype.is_float():
        bad = ~values.is_finite() | bad
    if bad.any():
        raise DataError(
            f"{what} expected finite times of 0 or more (seconds since 1970); {_first(bad)} holds "
            f"{values.filter(bad)[0]}. Correct or drop such rows first."
        )
    if values.dtype.is_integer() or (values == values.floor()).all():
        return values.cast(pl.Int64)
    return values.cast(pl.Float64)


def _parse_times(values: pl.Series, what: str) -> pl.Series:
    # One word among numbers makes texts of a whole CSV column; it is that word that is wrong.
    numbers = values.str.strip_chars().cast(pl.Float64, strict=False)
    if not numbers.is_null().all():
        bad = numbers.is_null()
        if not bad.any():
            return numbers
        raise DataError(
            f"{what} expected numbers, as other rows hold; {_first(bad)} holds "
            f"{values.filter(bad)[0]!r}. Correct or drop such rows first."
        )
    try:
        parsed = values.str.to_datetime(strict=False, time_zone="UTC")
    except pl.exceptions.PolarsError:
        parsed = pl.Series(values.name, [None] * len(values), dtype=pl.Datetime("us"))
    bad = parsed.is_null()
    if bad.any():
        raise DataError(
            f"{what} expected numbers or ISO 8601 dates; {_first(bad)} holds "
            f"{values.filter(bad)[0]!r}. Correct or drop such rows first."
        )
    return parsed


def _epoch_seconds(values: pl.Series, what: str) -> pl.Series:
    """Whole seconds where every time is whole; otherwise fractions, so that order is not lost."""
    if values.dtype not in (pl.Datetime, pl.Date):
        raise SchemaError(f"{what} expected datetimes or dates; received {values.dtype}.")
    if values.dtype == pl.Date:
        return values.cast(pl.Datetime("us")).dt.epoch("s")
    unit = values.dtype.time_unit if isinstance(values.dtype, pl.Datetime) else "us"
    per_second = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit or "us"]
    ticks = values.to_physical()
    if (ticks % per_second == 0).all():
        return ticks // per_second
    return ticks / per_second


def _numbers(values: pl.Series, what: str) -> pl.Series:
    if not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        raise SchemaError(f"{what} expected numbers; received {values.dtype}.")
    _no_nulls(values, what, "a number")
    numbers = values.cast(pl.Float32)
    bad = ~numbers.is_finite()
    if bad.any():
        raise DataError(
            f"{what} expected finite numbers; {_first(bad)} holds {values.filter(bad)[0]}. Drop or "
            "fill such rows first."
        )
    return numbers


def _weights(values: pl.Series, what: str) -> pl.Series:
    weights = _numbers(values, what)
    bad = weights < 0
    if bad.any():
        raise DataError(
            f"{what} expected weights of 0 or more; {_first(bad)} holds {values.filter(bad)[0]}."
        )
    return weights

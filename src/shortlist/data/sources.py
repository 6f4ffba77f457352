"""Read interactions from anything: files, data frames, Arrow streams, dicts of arrays."""

from __future__ import annotations

import glob
import numbers
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import DataError, SchemaError

__all__ = ["expand_paths", "read_source"]

_PARQUET = (".parquet", ".pq")
_SEPARATORS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
_ACCEPTED = (
    "a Parquet or CSV path (or a glob or a list of them), a polars, pandas or pyarrow table, a "
    "DuckDB relation, anything with __arrow_c_stream__, or a dict of arrays"
)


def read_source(source: Any) -> pl.DataFrame:
    """Read ``source`` into a polars frame, its rows in the order they have there.

    Raises:
        SchemaError: the source is of no kind that can be read, or a column mixes types.
        DataError: a file is missing, empty or cannot be parsed.
    """
    if isinstance(source, pl.DataFrame | pl.LazyFrame):
        frame = source.lazy().collect()
    elif isinstance(source, Mapping):
        frame = _from_columns(source)
    elif _are_paths(source):
        frame = _read_files(expand_paths(source))
    elif type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "columns"):
        frame = _from_columns({name: source[name] for name in source.columns})
    elif hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        frame = pl.DataFrame(source)
    else:
        raise SchemaError(f"Expected {_ACCEPTED}; received {type(source).__name__}.")
    objects = [name for name, dtype in frame.schema.items() if dtype == pl.Object]
    return frame.with_columns(_from_objects(name, frame[name].to_list()) for name in objects)


def expand_paths(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files that a path, a glob or a list of either names.

    Raises:
        DataError: there is no such file, a glob matches none, or the list is empty.
    """
    sources = [source] if isinstance(source, str | Path) else source
    paths = [path for item in sources for path in _expand(str(item))]
    if not paths:
        raise DataError("Expected at least one file, received an empty list of paths.")
    return paths


def _are_paths(source: Any) -> bool:
    sources = source if isinstance(source, list | tuple) else [source]
    return all(isinstance(item, str | Path) for item in sources)


def _expand(text: str) -> list[Path]:
    if Path(text).is_dir():
        raise DataError(
            f"Expected a file, received the folder {text!r}. Name its files with a glob, such as "
            f"'{text}/*.parquet'."
        )
    if Path(text).is_file():
        return [Path(text)]
    if not glob.has_magic(text):
        raise DataError(f"There is no file {text!r} (looked from {Path.cwd()}).")
    found = sorted(Path(name) for name in glob.glob(text, recursive=True))  # noqa: PTH207
    if not found:
        raise DataError(f"No file matches {text!r} (looked from {Path.cwd()}).")
    return found


def _read_files(paths: Sequence[Path]) -> pl.DataFrame:
    frames = [_read_file(path) for path in paths]
    for path, frame in zip(paths[1:], frames[1:], strict=True):
        _check_alike(paths[0], frames[0], path, frame)
    return pl.concat(frames, how="vertical") if len(frames) > 1 else frames[0]


def _check_alike(path_a: Path, a: pl.DataFrame, path_b: Path, b: pl.DataFrame) -> None:
    if a.columns != b.columns:
        raise SchemaError(
            f"Expected files with the same columns; {str(path_a)!r} has {a.columns} and "
            f"{str(path_b)!r} has {b.columns}."
        )
    for name in a.columns:
        if a[name].dtype != b[name].dtype:
            raise SchemaError(
                f"Column {name!r} is {a[name].dtype} in {str(path_a)!r} and {b[name].dtype} in "
                f"{str(path_b)!r}. Read the files with polars, give the column one type, and pass "
                "the frame."
            )


def _read_file(path: Path) -> pl.DataFrame:
    name = path.name.lower()
    separator = next((s for end, s in _SEPARATORS.items() if name.endswith(end)), None)
    if separator is None and not name.endswith(_PARQUET):
        raise DataError(
            f"Expected a file ending in {', '.join((*_PARQUET, *_SEPARATORS))}; received "
            f"{str(path)!r}. Read other formats with polars or pandas and pass the frame."
        )
    if path.stat().st_size == 0:
        raise DataError(f"Expected interactions in {str(path)!r}; the file is empty.")
    try:
        if separator is None:
            return pl.read_parquet(path)
        return _read_csv(path, separator)
    except (pl.exceptions.PolarsError, OSError) as error:
        kind = "Parquet" if separator is None else "CSV"
        reason = str(error).split("\n\n", maxsplit=1)[0]
        raise DataError(f"Cannot read {str(path)!r} as {kind}: {reason}.") from error


def _read_csv(path: Path, separator: str) -> pl.DataFrame:
    try:
        return pl.read_csv(path, separator=separator, infer_schema_length=10_000)
    except pl.exceptions.ComputeError:
        # A column of numbers may turn out to hold text further down: look at every row.
        return pl.read_csv(path, separator=separator, infer_schema_length=None)


def _from_columns(columns: Mapping[Any, Any]) -> pl.DataFrame:
    series = [_to_series(str(name), values) for name, values in columns.items()]
    lengths = {s.name: len(s) for s in series}
    if len(set(lengths.values())) > 1:
        raise SchemaError(f"Expected columns of one length; received {lengths}.")
    if len(lengths) < len(series):
        raise SchemaError(f"Expected distinct column names; received {list(columns)}.")
    return pl.DataFrame(series)


def _to_series(name: str, values: Any) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, list | tuple):
        return _from_objects(name, values)
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise SchemaError(f"Column {name!r} expected an array; received {values!r}.")
    arrow = hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__")
    if arrow and getattr(values, "dtype", None) != np.dtype(object):
        return _from_arrow(name, values)
    array = np.asarray(values)
    if array.dtype == object:
        return _from_objects(name, array.tolist())
    if array.dtype.kind == "M" and np.datetime_data(array.dtype)[0] not in ("ms", "us", "ns"):
        array = array.astype("datetime64[us]")
    return pl.Series(name, array)


def _from_arrow(name: str, values: Any) -> pl.Series:
    try:
        return pl.Series(name, values)
    except (ImportError, TypeError):
        # pandas offers Arrow's interface even where pyarrow, which it needs for that, is missing.
        return _from_objects(name, list(values))


def _from_objects(name: str, values: Sequence[Any]) -> pl.Series:
    """A series from Python objects, once they are known to be of one kind; NaN counts as null."""
    kinds = {kind: _family(kind) for kind in set(map(type, values))}
    families = {family for family in kinds.values() if family is not None}
    if "number" in families and len(families) > 1 and float in kinds:
        # pandas writes a missing string as the float NaN.
        values = [None if isinstance(v, float) and v != v else v for v in values]  # noqa: PLR0124
        kinds = {kind: _family(kind) for kind in set(map(type, values))}
        families = {family for family in kinds.values() if family is not None}
    if len(families) > 1:
        raise _mixed(name, values, kinds)
    try:
        return pl.Series(name, values, strict=False)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        kind = "/".join(sorted(k.__name__ for k in kinds))
        raise SchemaError(f"Column {name!r} of {kind} values cannot be read: {error}") from error


def _family(kind: type) -> str | None:
    if kind is type(None) or kind.__name__ in ("NAType", "NaTType"):
        return None
    families: Iterable[tuple[type | tuple[type, ...], str]] = (
        ((bool, np.bool_), "bool"),
        (numbers.Real, "number"),
        (str, "str"),
        (bytes, "bytes"),
    )
    return next((name for base, name in families if issubclass(kind, base)), kind.__name__)


def _mixed(name: str, values: Sequence[Any], kinds: Mapping[type, str | None]) -> SchemaError:
    first = next(i for i, v in enumerate(values) if kinds[type(v)] is not None)
    family = kinds[type(values[first])]
    other = next(i for i, v in enumerate(values) if kinds[type(v)] not in (None, family))
    return SchemaError(
        f"Column {name!r} expected values of one type; row {first} holds {values[first]!r} "
        f"({type(values[first]).__name__}) and row {other} holds {values[other]!r} "
        f"({type(values[other]).__name__}). Convert the column first, for example all to str. "
        "(Rows count from 0.)"
    )

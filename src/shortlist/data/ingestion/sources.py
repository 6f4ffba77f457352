"""The files of an ingest and the blocks of rows in them."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

from shortlist.data.sources import expand_paths
from shortlist.errors import DataError, SchemaError, nearest

__all__ = ["Block", "Source", "blocks_of", "find_sources", "read_block"]


_RUST_ERROR = re.compile(r"\(os error (\d+)\)")


@dataclass(frozen=True)
class Source:
    """One file.

    Attributes:
        path: where it is.
        size: its bytes.
        changed: when it was last written, in nanoseconds.
        rows: how many it has; 0 where it cannot be read.
        problem: why it cannot be read, or None.
    """

    path: Path
    size: int
    changed: int
    rows: int
    problem: str | None


class Block(NamedTuple):
    """Some rows of a file, or why they cannot be read.

    Attributes:
        file: the place of the file in the list.
        start: the first row, counted in the file.
        frame: the rows; None where there is a problem.
        problem: why the file cannot be read from here on.
    """

    file: int
    start: int
    frame: pl.DataFrame | None
    problem: str | None


def find_sources(
    source: str | Path | Sequence[str | Path], columns: Sequence[str] | None
) -> tuple[list[Source], list[str]]:
    """Look at the footers of all files; the files, and the columns that will be read.

    Raises:
        SchemaError: a file lacks a column, or has it with another type than the others.
        DataError: there is no file, or none that can be read.
    """
    found: list[Source] = []
    schemas: list[tuple[Path, pl.Schema]] = []
    for path in expand_paths(source):
        stat = path.stat()
        rows, problem = 0, None
        try:
            lazy = _scan(path)
            schemas.append((path, lazy.collect_schema()))
            rows = lazy.select(pl.len()).collect().item()
        except BaseException as error:
            problem = _reason(error)
        found.append(Source(path, stat.st_size, stat.st_mtime_ns, rows, problem))
    if not schemas:
        raise DataError(f"Cannot read {str(found[0].path)!r} as Parquet: {found[0].problem}")
    wanted = [*schemas[0][1]] if columns is None else list(columns)
    for path, schema in schemas:
        _check_columns(path, schema, wanted, *schemas[0])
    return found, wanted


def blocks_of(
    sources: Sequence[Source], columns: Sequence[str], block_rows: int, file: int, row: int
) -> Iterator[Block]:
    """The blocks of all files from a row of a file on, in order.

    A file that cannot be read ends with a block that says why, and the next file follows.
    """
    for place in range(file, len(sources)):
        source = sources[place]
        start = row if place == file else 0
        if source.problem is not None:
            yield Block(place, 0, None, source.problem)
            continue
        while start < source.rows:
            count = min(block_rows, source.rows - start)
            block = read_block(source, columns, place, start, count)
            yield block
            if block.frame is None:
                break
            start += count


def read_block(source: Source, columns: Sequence[str], place: int, start: int, count: int) -> Block:
    """Read some rows of a file."""
    try:
        frame = _scan(source.path).select(columns).slice(start, count).collect()
    except BaseException as error:
        return Block(place, start, None, _reason(error))
    if frame.height != count:
        return Block(
            place, start, None, f"it has {frame.height} rows from {start} on, not {count}."
        )
    return Block(place, start, frame, None)


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False)  # a name may hold '*' or '['


def _reason(error: BaseException) -> str:
    """What is wrong with a file; anything that says nothing of the file is raised again.

    Files that are badly damaged make polars panic, which is no `Exception`.
    """
    panic = type(error).__name__ == "PanicException"
    if not panic and not isinstance(error, pl.exceptions.PolarsError | OSError):
        raise error
    # The machine, not the file, is to blame: polars' own errors have the number in their text.
    number = _RUST_ERROR.search(str(error))
    code = int(number[1]) if number else getattr(error, "errno", None)
    if code is not None and code != errno.EIO:
        raise error
    return str(error).split("\n\n", maxsplit=1)[0].rstrip(".") + "."


def _check_columns(
    path: Path, schema: pl.Schema, wanted: Sequence[str], first: Path, expected: pl.Schema
) -> None:
    for name in wanted:
        if name not in schema:
            raise SchemaError(
                f"Expected a column {name!r} in {str(path)!r}; found {[*schema]}."
                f"{nearest(name, schema)}"
            )
        if schema[name] != expected[name]:
            raise SchemaError(
                f"Column {name!r} is {expected[name]} in {str(first)!r} and {schema[name]} in "
                f"{str(path)!r}. Give it one type."
            )

"""`Attributes`: what is known of the items by row number, and which rows meet a condition."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import DataError, SchemaError, nearest
from shortlist.index.where import passing

__all__ = ["Attributes", "Passing", "as_table"]

# The bitmaps of conditions used before; whichever limit is met first.
_CONDITIONS_KEPT = 64
_BYTES_KEPT = 2**27


@dataclass(frozen=True, eq=False)
class Passing:
    """The rows that meet a condition.

    Attributes:
        mask: ``[total]`` bool.
        rows: the same as ascending row numbers.
    """

    mask: np.ndarray
    rows: np.ndarray

    @property
    def nbytes(self) -> int:
        """The memory it takes."""
        return self.mask.nbytes + self.rows.nbytes

    def first(self, total: int) -> Passing:
        """What is true of the first ``total`` rows."""
        if total == len(self.mask):
            return self
        return Passing(self.mask[:total], self.rows[: np.searchsorted(self.rows, total)])


class _Cache:
    """Conditions evaluated before, the latest used last, shared by successive snapshots."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Passing] = OrderedDict()

    def get(self, where: Any) -> Passing:
        if not isinstance(where, str):  # nor can it be kept; what reads it refuses it
            return _NOTHING
        with self._lock:
            if where in self._kept:
                self._kept.move_to_end(where)
            return self._kept.get(where, _NOTHING)

    def put(self, where: str, found: Passing) -> None:
        with self._lock:
            # Another search may have got further meanwhile.
            if where not in self._kept or len(self._kept[where].mask) < len(found.mask):
                self._kept[where] = found
            while len(self._kept) > 1 and (
                len(self._kept) > _CONDITIONS_KEPT
                or sum(kept.nbytes for kept in self._kept.values()) > _BYTES_KEPT
            ):
                self._kept.popitem(last=False)


_NOTHING = Passing(np.empty(0, dtype=bool), np.empty(0, dtype=np.int64))


class Attributes:
    """A row of attributes for each row of `Rows`, dead ones included.

    A snapshot, like `Rows`. What a row says never changes, for an updated item gets a new one, so
    a condition is evaluated once for each row and its bitmap only ever grows.
    """

    def __init__(self, frames: tuple[pl.DataFrame, ...], cache: _Cache | None = None) -> None:
        self._frames = frames
        self._cache = cache or _Cache()

    def __len__(self) -> int:
        return sum(frame.height for frame in self._frames)

    @property
    def schema(self) -> pl.Schema:
        """The columns and their kinds."""
        return self._frames[0].schema

    def passing(self, where: str) -> Passing:
        """The rows that meet a condition."""
        total = len(self)
        kept = self._cache.get(where)
        if len(kept.mask) >= total:
            return kept.first(total)
        seen, start = len(kept.mask), 0
        parts, rows = [kept.mask], [kept.rows]
        for frame in self._frames:
            stop = start + frame.height
            if stop > seen:
                fresh = passing(where, frame[max(seen - start, 0) :]).to_numpy()
                parts.append(fresh)
                rows.append(np.flatnonzero(fresh) + max(seen, start))
            start = stop
        found = Passing(np.concatenate(parts), np.concatenate(rows))
        self._cache.put(where, found)
        return found

    def with_added(self, frame: pl.DataFrame) -> Attributes:
        """The next snapshot, with ``frame`` as its last rows."""
        frames = [*self._frames, frame]
        # Each frame is at least twice the next, so there are few and a row is rarely copied.
        while len(frames) > 1 and frames[-2].height < 2 * frames[-1].height:
            last = frames.pop()
            frames[-1] = frames[-1].vstack(last).rechunk()
        return Attributes(tuple(frames), self._cache)

    def take(self, rows: np.ndarray) -> pl.DataFrame:
        """The attributes of ``rows``; a row of nulls for -1."""
        whole = self._frames[0] if len(self._frames) == 1 else pl.concat(self._frames)
        places = pl.Series(rows, dtype=pl.Int64)
        return whole.select(pl.all().gather(places.replace(-1, None)))

    def check(self, attributes: Any, count: int) -> pl.DataFrame:
        """Return ``attributes`` as a frame with these columns in this order, or say what is wrong.

        Raises:
            DataError: not ``count`` rows, or a value that does not fit the kind of its column.
            SchemaError: other columns.
        """
        frame = as_table(attributes, count)
        for name in [*self.schema, *frame.columns]:
            if name not in frame.columns or name not in self.schema:
                where = "given" if name in self.schema else "in the index"
                known = frame.columns if name in self.schema else list(self.schema)
                raise SchemaError(
                    f"Expected the columns the index was built with; {name!r} is not among those "
                    f"{where}: {', '.join(known)}.{nearest(name, known)}"
                )
        try:
            return frame.select(pl.col(name).cast(kind) for name, kind in self.schema.items())
        except pl.exceptions.PolarsError as error:
            raise SchemaError(
                f"The attributes do not have the kinds the index was built with: {error}."
            ) from None


def as_table(attributes: Any, count: int) -> pl.DataFrame:
    """Return ``attributes`` as a frame of ``count`` rows and at least one column.

    Raises:
        DataError: it is no frame, or has another number of rows.
    """
    try:
        frame = pl.DataFrame(attributes)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"Expected attributes as a data frame or a dict of columns; received "
            f"{type(attributes).__name__}: {error}."
        ) from None
    if not frame.width:
        raise DataError("Expected attributes with at least one column; received none.")
    if frame.height != count:
        raise DataError(
            f"Expected one row of attributes an id; received {frame.height} rows and {count} ids."
        )
    return frame

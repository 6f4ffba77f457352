"""`Catalogue`: the items at one moment, with their attributes, titles and conditions on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import DataError, SchemaError, nearest
from shortlist.index import matching
from shortlist.postranking import ItemTable

__all__ = ["Catalogue", "rows_of"]

# Requests repeat a few conditions; what was found for each is kept as long as the items stay.
_CONDITIONS_KEPT = 64


class Catalogue:
    """A snapshot of the items; a change makes another.

    Args:
        items: a frame with a column ``item`` and the items' attributes.
        title: the column that a person reads.
    """

    def __init__(self, items: pl.DataFrame, title: str) -> None:
        self.items = items
        self.title = title
        self.table = ItemTable(items)
        self._found: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return self.items.height

    @property
    def ids(self) -> pl.Series:
        """The items' ids."""
        return self.items["item"]

    @cached_property
    def _titles(self) -> dict[Any, Any]:
        if self.title not in self.items.columns:
            return {}
        return dict(zip(self.ids.to_list(), self.items[self.title].to_list(), strict=True))

    def titles(self, ids: Sequence[Any] | np.ndarray) -> list[str]:
        """What a person reads for each of these ids; the id itself where there is no title."""
        found = ((self._titles.get(i), i) for i in np.asarray(ids).tolist())
        return [str(i if name is None else name) for name, i in found]

    def matching(self, where: str) -> np.ndarray:
        """The ids of the items that meet a condition; see `shortlist.index.matching`."""
        found = self._found.get(where)
        if found is None:
            found = matching(where, self.items)
            if len(self._found) >= _CONDITIONS_KEPT:
                self._found.clear()
            self._found[where] = found
        return found

    def known(self, ids: np.ndarray) -> np.ndarray:
        """``[N]`` bool: which of ``ids`` are in the catalogue."""
        return self.table.places(ids) >= 0

    def with_rows(self, rows: pl.DataFrame) -> Catalogue:
        """The catalogue in which ``rows`` stand for their items, be they new or not."""
        return self._next(pl.concat([self._others(rows["item"]), rows]))

    def without(self, ids: np.ndarray) -> Catalogue:
        """The catalogue without the items ``ids``."""
        return self._next(self._others(pl.Series(ids, dtype=self.ids.dtype)))

    def _next(self, items: pl.DataFrame) -> Catalogue:
        """The catalogue of ``items``, with everything ready that was in use here."""
        found = Catalogue(items, self.title)
        found.table.warm_like(self.table)
        if "_titles" in self.__dict__:
            _ = found._titles
        return found

    def _others(self, ids: pl.Series) -> pl.DataFrame:
        if not self.known(ids.to_numpy()).any():
            return self.items
        return self.items.filter(~self.ids.is_in(ids.implode()))


def rows_of(items: Any, schema: Mapping[str, Any]) -> pl.DataFrame:
    """New or changed items as rows of the catalogue's columns; what is not said is null.

    Args:
        items: a polars frame, anything polars makes one of (a dict of columns, an Arrow table), or
            a list with a dict for each item.
        schema: the catalogue's columns and their types.

    Raises:
        SchemaError: there is no column ``item``, or a column that the catalogue does not have.
        DataError: an id is missing or stands twice, or a value does not fit its column.
    """
    columns = _columns(items)
    for name in columns:
        if name not in schema:
            raise SchemaError(
                f"The items have no column {name!r}; they have {list(schema)}."
                f"{nearest(name, schema)}"
            )
    if "item" not in columns:
        raise SchemaError(f"Expected a column 'item' with the ids; received {list(columns)}.")
    rows = len(columns["item"])
    frame = pl.DataFrame(
        [_fitting(name, columns.get(name, [None] * rows), kind) for name, kind in schema.items()]
    )
    ids = frame["item"]
    if ids.null_count():
        raise DataError(f"Expected an id for each item; row {ids.is_null().arg_max()} has none.")
    if ids.is_duplicated().any():
        raise DataError(f"Expected each item once; {ids.filter(ids.is_duplicated())[0]!r} repeats.")
    return frame


def _columns(items: Any) -> dict[str, Any]:
    if isinstance(items, Mapping):
        return dict(items)
    if isinstance(items, list | tuple) and all(isinstance(row, Mapping) for row in items):
        names: Iterable[str] = dict.fromkeys(name for row in items for name in row)
        return {name: [row.get(name) for row in items] for name in names}
    try:
        frame = pl.DataFrame(items)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            "Expected items as a data frame, a dict of columns or a list of dicts; received "
            f"{type(items).__name__}: {error}."
        ) from None
    return {column.name: column for column in frame.get_columns()}


def _fitting(name: str, values: Any, kind: Any) -> pl.Series:
    """``values`` as a column of the type ``kind``, and nothing that is not of that type."""
    try:
        if isinstance(values, pl.Series):
            return values.cast(kind, strict=True).rename(name)
        return pl.Series(name, values, dtype=kind, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"Column {name!r} of the items expected {kind}: {reason}.") from None

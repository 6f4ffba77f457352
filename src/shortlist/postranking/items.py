"""`ItemTable`: the items' attributes, looked up by id in bulk."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, SchemaError, nearest
from shortlist.ids import IdMap

__all__ = ["ItemTable"]


class ItemTable:
    """A frame of items with attributes, indexed once and encoded a column at a time when used.

    Make one of it and give it to every `Context`: a `Context` that is given the frame itself has
    to index it anew.

    Args:
        frame: a column ``item`` of distinct ids and any further columns.

    Raises:
        SchemaError: there is no column ``item``.
        DataError: an item has two rows.

    >>> table = ItemTable(pl.DataFrame({"item": ["a", "b"], "genres": [["x", "y"], None]}))
    >>> codes, values = table.codes("genres")
    >>> codes.tolist(), values
    ([[0, 1], [-1, -1], [-1, -1]], ['x', 'y'])
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._places = IdMap(self._column("item"))
        self._codes: dict[str, tuple[np.ndarray, list[Any]]] = {}
        self._sets: dict[str, list[frozenset[int]]] = {}
        self._having: dict[tuple[str, Any], np.ndarray] = {}
        self._numbers: dict[str, np.ndarray] = {}
        self._masks: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return self.frame.height

    def places(self, ids: np.ndarray) -> np.ndarray:
        """The row of each of ``ids`` (of any shape); -1 for ids that are not here."""
        return self._places.of(ids.ravel()).reshape(ids.shape)

    def codes(self, column: str) -> tuple[np.ndarray, list[Any]]:
        """A column's values as codes.

        Returns:
            ``[N + 1, L]`` int64, the codes of each row's distinct values, filled with -1, and the
            value of each code. ``L`` is 1 for a plain column and the longest list's length for a
            list column. The last row, which place -1 leads to, stands for unknown items.

        Raises:
            SchemaError: there is no such column.
        """
        if column not in self._codes:
            self._codes[column] = _encode(self._column(column))
        return self._codes[column]

    def warm_like(self, other: ItemTable) -> None:
        """Encode what ``other`` has encoded, so that whoever asks first need not wait for it."""
        for column in list(other._codes):
            if column in self.frame.columns:
                self.codes(column)
        for column in list(other._sets):
            if column in self.frame.columns:
                self.sets(column)

    def sets(self, column: str) -> list[frozenset[int]]:
        """A column's codes as ``N + 1`` sets, in the rows of `codes`."""
        if column not in self._sets:
            rows = self.codes(column)[0].tolist()
            self._sets[column] = [frozenset(code for code in row if code >= 0) for row in rows]
        return self._sets[column]

    def having(self, column: str, value: Any) -> np.ndarray:
        """Which rows ``[N + 1]`` of `codes` have a value."""
        if (column, value) not in self._having:
            codes, values = self.codes(column)
            wanted = values.index(value) if value in values else -2
            self._having[column, value] = (codes == wanted).any(axis=1)
        return self._having[column, value]

    def numbers(self, column: str) -> np.ndarray:
        """A column as ``[N + 1]`` float64; NaN where it is null and for unknown items.

        Raises:
            SchemaError: there is no such column, or it holds no numbers, dates or truth values.
        """
        if column not in self._numbers:
            values = self._column(column)
            kind = values.dtype
            if kind.is_temporal():
                values = values.cast(pl.Datetime("us")).dt.epoch("us") / 1e6
            elif not (kind.is_numeric() or kind == pl.Boolean):
                raise SchemaError(
                    f"Expected the items' column {column!r} to hold numbers; it holds {kind}."
                )
            found = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            self._numbers[column] = np.append(found, np.nan)
        return self._numbers[column]

    def mask(self, condition: str) -> np.ndarray:
        """Which rows fulfil a condition in polars' SQL, such as ``"year >= 1990 AND in_stock"``.

        Returns:
            ``[N]`` bool; where the condition is null, because a value is, it is not fulfilled.

        Raises:
            ConfigError: the condition cannot be read, or names a column that is not there.
        """
        if condition not in self._masks:
            try:
                found = self.frame.select(pl.sql_expr(condition).alias("fulfilled"))["fulfilled"]
            except pl.exceptions.PolarsError as error:
                raise ConfigError(
                    f"Expected a condition in SQL on the items' columns {self.frame.columns}; "
                    f"received {condition!r}: {error}"
                ) from None
            if found.dtype != pl.Boolean or len(found) != len(self):
                raise ConfigError(
                    f"Expected a condition that is true or false of each item; {condition!r} "
                    f"gives {found.dtype}."
                )
            self._masks[condition] = found.fill_null(value=False).to_numpy()
        return self._masks[condition]

    def _column(self, column: str) -> pl.Series:
        if column not in self.frame.columns:
            raise SchemaError(
                f"Expected the items to have a column {column!r}; they have {self.frame.columns}."
                f"{nearest(column, self.frame.columns)}"
            )
        return self.frame[column]


def _encode(values: pl.Series) -> tuple[np.ndarray, list[Any]]:
    rows = values.to_list()
    if not isinstance(values.dtype, pl.List | pl.Array):
        rows = [None if value is None else [value] for value in rows]
    distinct = [list(dict.fromkeys(v for v in row or () if v is not None)) for row in (*rows, None)]
    known = {
        value: code for code, value in enumerate(dict.fromkeys(v for r in distinct for v in r))
    }
    codes = np.full((len(distinct), max(1, *map(len, distinct))), -1, dtype=np.int64)
    for row, found in enumerate(distinct):
        codes[row, : len(found)] = [known[value] for value in found]
    return codes, list(known)

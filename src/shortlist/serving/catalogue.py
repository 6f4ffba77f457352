"""`Catalogue`: the items and the columns of a recommender, as the server needs them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from shortlist.errors import SchemaError, nearest
from shortlist.recommender import Recommender

__all__ = ["Catalogue"]

Id = int | str


class Catalogue:
    """Titles by item, and frames of what requests say of items and users.

    Args:
        recommender: loaded; its ``items`` may change.
    """

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender
        self._titles: dict[Any, str] = {}
        # An item that was deleted still says something as part of a history.
        self._met: set[Any] = set()
        self.put(recommender.items)

    def put(self, items: pl.DataFrame) -> None:
        """Take in items that were created or updated."""
        ids = items["item"].to_list()
        title = self._recommender.title
        names = items[title].to_list() if title in items.columns else ids
        for item, name in zip(ids, names, strict=True):
            self._titles[item] = str(item if name is None else name)
        self._met.update(ids)

    def drop(self, items: Iterable[Id]) -> None:
        """Forget the titles of items that were deleted."""
        for item in items:
            self._titles.pop(item, None)

    def title(self, item: Any) -> str:
        """What a person reads for an item."""
        return self._titles.get(item) or str(item)

    def known(self, items: Iterable[Id]) -> list[Id]:
        """Those of ``items`` that are or were in the catalogue; of others nothing is known."""
        return [item for item in items if item in self._met]

    def __contains__(self, item: object) -> bool:
        return item in self._titles

    def attributes(self, item: Id) -> dict[str, Any]:
        """An item's attributes, as JSON values."""
        row = self._recommender.items.filter(pl.col("item") == item).drop("item")
        found: dict[str, Any] = json.loads(row.write_json())[0]
        return found

    def frame(self, rows: Sequence[tuple[Id, Mapping[str, Any]]]) -> pl.DataFrame:
        """Items with attributes as a frame of the catalogue's columns.

        Raises:
            SchemaError: an attribute is no column, or its value does not fit the column.
        """
        schema = dict(self._recommender.items.schema)
        columns = {"item": [item for item, _ in rows]}
        told = _columns([attributes for _, attributes in rows], schema, "item")
        return _frame({**columns, **told}, schema)

    def features(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """What requests say of users, as a frame with the columns that any of them names.

        Raises:
            SchemaError: a feature is no column of the users, or its value does not fit.
        """
        attributes = self._recommender.users.attributes
        schema = {} if attributes is None else dict(attributes.schema)
        told = _columns(rows, schema, "user")
        named = {name for row in rows for name in row}
        return _frame({n: v for n, v in told.items() if n in named}, schema)


def _columns(
    rows: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], key: str
) -> dict[str, list[Any]]:
    names = [name for name in schema if name != key]
    for row in rows:
        for name in row:
            if name not in names:
                raise SchemaError(
                    f"Expected attributes of the {key} among {names}; received {name!r}."
                    f"{nearest(name, names)}"
                )
    return {name: [row.get(name) for row in rows] for name in names}


def _frame(columns: Mapping[str, list[Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    made = []
    for name, values in columns.items():
        try:
            made.append(pl.Series(name, values, dtype=schema[name], strict=True))
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            shown = next((v for v in values if v is not None), None)
            raise SchemaError(
                f"Expected values of the type {schema[name]} for {name!r}; received "
                f"{str(shown)[:80]!r} ({type(shown).__name__})."
            ) from None
    return pl.DataFrame(made)

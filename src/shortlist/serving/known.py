"""`Known`: which items and attributes a loaded recommender knows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from shortlist.errors import SchemaError
from shortlist.recommender import Recommender

__all__ = ["Known"]

Id = int | str


class Known:
    """The items of a recommender, now and before, and the attributes its model reads of users.

    Args:
        recommender: loaded; its items may change.
    """

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender
        self._items: set[Any] = set(recommender.items["item"].to_list())
        # An item that was deleted still says something as part of a history.
        self._met: set[Any] = set(self._items)
        encoder = getattr(recommender.retriever, "encoder", None)
        columns = [] if encoder is None else [spec.column for spec in encoder.specs]
        self.features = frozenset(columns) - {"user", "history"}

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def put(self, items: Iterable[Id]) -> None:
        """Take in items that were created or updated."""
        for item in items:
            self._items.add(item)
            self._met.add(item)

    def drop(self, items: Iterable[Id]) -> None:
        """Note that items were deleted."""
        self._items.difference_update(items)

    def met(self, items: Iterable[Id]) -> list[Id]:
        """Those of ``items`` that are or were in the catalogue; of others nothing is known."""
        return [item for item in items if item in self._met]

    def read(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Those of a user's stored attributes that this version's model reads."""
        return {name: value for name, value in attributes.items() if name in self.features}

    def check_lists(self, attributes: Mapping[str, Any]) -> None:
        """Refuse a text for a column of lists, which would be taken as the list of its letters.

        Raises:
            SchemaError: a list was expected and something else received, or the other way round.
        """
        schema = self._recommender.items.schema
        for name, value in attributes.items():
            kind = schema.get(name)
            if value is not None and kind is not None and _is_list(kind) != isinstance(value, list):
                raise SchemaError(
                    f"The column {name!r} expected {kind}, as JSON "
                    f"{'a list' if _is_list(kind) else 'a single value'}; received "
                    f"{str(value)[:80]!r}."
                )

    def attributes(self, item: Id) -> dict[str, Any]:
        """An item's attributes, as JSON values."""
        row = self._recommender.items.filter(pl.col("item") == item).drop("item")
        found: dict[str, Any] = json.loads(row.write_json())[0]
        return found


def _is_list(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.List | pl.Array)

"""What an index in a database holds and is asked, with ids as values that the database can hold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import DataError
from shortlist.index._attributes import Attributes
from shortlist.index._filters import listed
from shortlist.index._stored_ids import encode, unknown
from shortlist.index.base import Ids

__all__ = ["About", "Asked", "Given", "held", "values_of"]


class About:
    """What the database holds.

    Attributes:
        dim: of the vectors.
        kind: of the ids.
        attributes: none of them, but their columns and kinds; None where there are none.
    """

    def __init__(self, dim: int, kind: str, schema: pl.Schema | None) -> None:
        self.dim = dim
        self.kind = kind
        self.attributes = None if schema is None else Attributes((schema.to_frame(),))


@dataclass(frozen=True, eq=False)
class Given:
    """Distinct ids as they were given and as the database holds them.

    Attributes:
        ids: as given.
        values: of each; None for an id of a kind that the database does not hold.
    """

    ids: Sequence[Any]
    values: Sequence[Any]

    @property
    def known(self) -> list[Any]:
        """The values that the database may hold."""
        return [value for value in self.values if value is not None]

    def check(self, here: Collection[Any]) -> None:
        """Raise a `DataError` unless every value is ``here``."""
        wrong = [i for i, value in zip(self.ids, self.values, strict=True) if value not in here]
        if wrong:
            raise DataError(
                f"Expected ids that are in the index; {wrong[0]!r} is not ({len(wrong)} of "
                f"{len(self.ids)} are not)."
            )


@dataclass(frozen=True, eq=False)
class Asked:
    """A checked search.

    Attributes:
        queries: ``[B, D]`` float32.
        k: places in each list.
        allowed, denied: for each query the values of its ids; None where there is no such filter.
        where: the condition, or None.
        schema: the columns that the condition may speak of.
    """

    queries: np.ndarray
    k: int
    allowed: Sequence[list[Any]] | None
    denied: Sequence[list[Any]] | None
    where: str | None
    schema: pl.Schema


def held(ids: np.ndarray, kind: str) -> Given:
    """``ids`` to be stored.

    Raises:
        DataError: one is of another kind than the index was built with.
    """
    values = encode(ids.tolist(), kind)
    if None in values:
        raise unknown(ids.tolist(), values, kind)
    return Given(ids.tolist(), values)


def values_of(name: str, ids: Ids, batch: int, kind: str) -> list[list[Any]]:
    """The values of the ids meant for each query; an array meant for all is encoded once."""
    rows = listed(name, ids, batch)
    if isinstance(ids, np.ndarray) and ids.ndim == 1:
        rows = rows[:1]
    found = [[v for v in encode(row.tolist(), kind) if v is not None] for row in rows]
    return found * batch if len(found) < batch else found

"""`Attributes`: what the towers read of users and items, for the ranker to read as well."""

from __future__ import annotations

import numpy as np
import polars as pl

from shortlist.features import Encoder, FeatureInfo
from shortlist.ids import IdMap
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.frames import query_columns

__all__ = ["Attributes"]

# The user's own id is left out: a ranker meets a user in one list, of which it cannot be learned,
# and it says nothing of the order within that list.
_NOT_READ = "user"


class Attributes:
    """The encoded features of each candidate's user and item, ``user_NAME`` and ``item_NAME``.

    Args:
        query: the encoder of the query tower.
        candidate: the encoder of the candidate tower.
        items: the catalogue with its attributes; an item that is not in it has none.
    """

    def __init__(self, query: Encoder, candidate: Encoder, items: pl.DataFrame) -> None:
        self.query = query
        self.candidate = candidate
        self.items = items
        self._places = IdMap(items["item"])
        # A row of nulls behind the others, for those that are not there.
        nothing = pl.DataFrame({name: [None] for name in items.columns}, items.schema)
        self._table = candidate.transform(pl.concat([items, nothing]))

    def describe(self) -> dict[str, FeatureInfo]:
        """The features by name, as a ranker's constructor takes them."""
        users = {f"user_{n}": i for n, i in self.query.describe().items() if n != _NOT_READ}
        return users | {f"item_{n}": i for n, i in self.candidate.describe().items()}

    def __call__(self, queries: Queries, ranked: Ranked) -> dict[str, np.ndarray]:
        """The features of every place, ``[B, K]`` or ``[B, K, ...]``, by name."""
        size = ranked.ids.shape
        found = {
            f"user_{name}": np.broadcast_to(values[:, None], (*size, *values.shape[1:]))
            for name, values in self.query.transform(query_columns(queries)).items()
            if name != _NOT_READ
        }
        places = self._places.of(ranked.ids.reshape(-1)).reshape(size)
        places = np.where(ranked.valid, places, -1)  # -1 is the last row: nothing
        return found | {f"item_{name}": values[places] for name, values in self._table.items()}

    def with_rows(self, rows: pl.DataFrame) -> Attributes:
        """The same with ``rows`` in place of their items, be they known or new."""
        others = self.items.filter(~self.items["item"].is_in(rows["item"].implode()))
        return Attributes(self.query, self.candidate, pl.concat([others, rows]))

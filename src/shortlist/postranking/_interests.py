"""What a user's history says of their interest in each value of an attribute."""

from __future__ import annotations

import numpy as np

from shortlist.ids import flatten
from shortlist.postranking.base import Context, PostRanker
from shortlist.postranking.items import ItemTable
from shortlist.queries import Queries

__all__ = ["count_unknown", "interests", "shares"]


def shares(codes: np.ndarray) -> np.ndarray:
    """What one value is of each item: 1 over the number of its values, for ``codes`` ``[..., L]``.

    0 for items without a value.
    """
    sizes = (codes >= 0).sum(axis=-1)
    return np.where(sizes > 0, 1.0 / np.maximum(sizes, 1), 0.0)


def interests(queries: Queries, table: ItemTable, column: str) -> np.ndarray:
    """The share of each value in each user's history ``[B, V]``, every row summing to 1 or 0.

    Every event of the history counts alike and is divided evenly among the item's values; items
    without a value do not count. A row of zeros says that nothing is known.
    """
    codes, values = table.codes(column)
    flat, owners = flatten(queries.history)
    mine = codes[table.places(flat)]
    weights = np.broadcast_to(shares(mine)[:, None], mine.shape)
    known = mine >= 0
    keys = (owners[:, None] * len(values) + mine)[known]
    size = len(queries) * len(values)
    sums = np.bincount(keys, weights=weights[known], minlength=size).reshape(len(queries), -1)
    totals = sums.sum(axis=1, keepdims=True)
    return np.where(totals > 0, sums / np.where(totals > 0, totals, 1.0), 0.0)


def count_unknown(context: Context, asker: PostRanker, wanted: np.ndarray) -> np.ndarray:
    """Which users nothing is known of ``[B]``, counted."""
    unknown = wanted.sum(axis=1) == 0
    if unknown.any():
        context.counts[f"{asker.name}: users without a history"] += int(unknown.sum())
    return unknown

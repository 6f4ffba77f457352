"""`Dataset`: interactions and what is known about their users and items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from shortlist.data import Interactions, Split

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, ready for `shortlist.data.splits` and `shortlist.features`.

    Attributes:
        name: such as ``"movielens-100k"``.
        interactions: who did what, and when.
        users: one row a user; the column ``user`` holds the id.
        items: one row an item; the column ``item`` holds the id.
        source: where the data was read from, in words.
        folds: the splits that come with the data set, by name; most have none.
    """

    name: str
    interactions: Interactions
    users: pl.DataFrame
    items: pl.DataFrame
    source: str
    folds: Mapping[str, Split] = field(default_factory=dict)

"""`Popularity`: the most popular items for everyone."""

from __future__ import annotations

from typing import Any, Self, final

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.data import Interactions
from shortlist.errors import BundleError, ConfigError, DataError, NotFittedError
from shortlist.ids import IdMap, as_ids, filler, flatten
from shortlist.index.base import check_k
from shortlist.queries import Queries
from shortlist.ranked import Ranked

__all__ = ["Popularity"]


@final
class Popularity:
    """Recommends what was interacted with most often, leaving out what a query excludes.

    An item's score is its number of interactions. Equal scores come in the order of first
    appearance in the data.

    Args:
        window: count only interactions no older than this before the last one, in the unit of the
            data's times (seconds, where dates were given); None counts all. Items without one in
            the window come last, by their interactions of all time, with score 0.

    Attributes:
        items: ``[N]`` the item ids, most popular first.
        counts: ``[N]`` int64, the interactions of each.

    Raises:
        ConfigError: ``window`` is not positive.

    >>> from shortlist.data import Interactions
    >>> train = Interactions({"user": [1, 2, 2], "item": ["a", "a", "b"]}, time=None)
    >>> popular = Popularity().fit(train)
    >>> popular(Queries.of([1, 2, 3], exclude=[["a"], ["a", "b"], []]), k=2).lists()
    [['b'], [], ['a', 'b']]
    """

    items: np.ndarray
    counts: np.ndarray

    def __init__(self, *, window: float | None = None) -> None:
        if window is not None and not window > 0:
            raise ConfigError(f"Expected a positive window or None; received {window!r}.")
        self.window = window
        self._places: IdMap | None = None

    def fit(self, interactions: Interactions) -> Self:
        """Count the interactions of each item.

        Raises:
            DataError: there is a window but the data has no times.
        """
        codes, n = interactions.item_codes, len(interactions.items)
        overall = np.bincount(codes, minlength=n)
        counts = overall
        if self.window is not None:
            times = interactions.times
            if times is None:
                raise DataError(
                    "Popularity with a window expected interactions with times; received "
                    "interactions without. Use Popularity() or name the column of times."
                )
            counts = np.bincount(codes[times >= times.max() - self.window], minlength=n)
        order = np.lexsort((-overall, -counts))
        return self._filled(interactions.items[order], counts[order])

    def __call__(self, queries: Queries, k: int) -> Ranked:
        """The ``k`` most popular items that each query does not exclude.

        Returns:
            `Ranked` of ``[B, k]``; places are invalid where fewer than ``k`` items are left.

        Raises:
            NotFittedError: `fit` was not called.
            ConfigError: ``k`` is not a positive integer.
        """
        k = check_k(k)
        if self._places is None:
            raise NotFittedError("This Popularity is not fitted. Call fit(interactions) first.")
        batch = queries.batch_size
        flat, owners = flatten([] if queries.exclude is None else queries.exclude)
        places = self._places.of(flat)
        owners, places = owners[places >= 0], places[places >= 0]
        # So far down must one look at most, and not through the whole catalogue for every query.
        most = int(np.bincount(owners, minlength=1).max())
        width = min(k + most, len(self.items))
        shown = np.ones((batch, width), dtype=bool)
        near = places < width
        shown[owners[near], places[near]] = False
        columns = np.argsort(~shown, axis=1, kind="stable")[:, :k]
        valid = np.zeros((batch, k), dtype=bool)
        valid[:, : columns.shape[1]] = np.take_along_axis(shown, columns, axis=1)
        chosen = np.zeros((batch, k), dtype=np.int64)
        chosen[:, : columns.shape[1]] = columns
        ids = self.items[chosen]
        ids[~valid] = filler(ids.dtype)
        return Ranked(ids, np.where(valid, self.counts[chosen], -np.inf), valid)

    def over(self, items: Any) -> Popularity:
        """The same counts over another set of items, such as a catalogue that has changed.

        Args:
            items: distinct ids. One that was not counted has a score of 0 and comes after those
                that were, in the order given; what is not among them is left out.

        Raises:
            NotFittedError: `fit` was not called.

        >>> from shortlist.data import Interactions
        >>> train = Interactions({"user": [1, 2, 3], "item": ["a", "b", "b"]}, time=None)
        >>> Popularity().fit(train).over(["c", "a", "d"])(Queries.of([1]), k=3).lists()
        [['a', 'c', 'd']]
        """
        if self._places is None:
            raise NotFittedError("This Popularity is not fitted. Call fit(interactions) first.")
        listed = as_ids(items)
        places = self._places.of(listed)
        order = np.argsort(np.where(places < 0, len(self.items), places), kind="stable")
        counts = np.where(places < 0, 0, self.counts[np.maximum(places, 0)])
        return Popularity(window=self.window)._filled(listed[order], counts[order])

    def write(self, draft: Draft) -> None:
        """Write the counts into a bundle, or a part of one."""
        if self._places is None:
            raise NotFittedError("This Popularity is not fitted. Call fit(interactions) first.")
        table = pl.DataFrame({"item": self.items.tolist(), "count": self.counts})
        draft.write_json("popularity.json", {"window": self.window})
        draft.write_table("popularity.parquet", table)

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Read what `write` wrote."""
        config = folder.read_json("popularity.json")
        table = folder.read_table("popularity.parquet")
        if table.columns != ["item", "count"] or not table.height:
            raise BundleError(
                f"{folder.path} expected a table of item and count; found columns {table.columns} "
                f"and {table.height} rows. Write the bundle again."
            )
        items = as_ids(table["item"].to_list())
        return cls(window=config["window"])._filled(items, table["count"].to_numpy())

    def _filled(self, items: np.ndarray, counts: Any) -> Self:
        self.items, self.counts = items, counts
        self._places = IdMap(items)
        return self

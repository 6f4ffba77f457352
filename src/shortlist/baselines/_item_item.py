"""`ItemItem`: what EASE and ItemKNN share, a weight from every item to every other."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Self

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.data import Interactions
from shortlist.errors import DataError, NotFittedError
from shortlist.ids import IdMap, filler, flatten
from shortlist.index.base import check_k
from shortlist.queries import Queries
from shortlist.ranked import Ranked, select_top

__all__ = ["ItemItem"]

_LARGEST_CATALOGUE = 20_000
_USERS_AT_ONCE = 1024


class ItemItem(abc.ABC):
    """Scores an item by the sum of the weights from the items of the history to it.

    A query whose history holds no known item gets an empty list: there is nothing to say. Equal
    scores come in the order of the items' first appearance in the data.
    """

    items: np.ndarray

    def __init__(self) -> None:
        self._weights: np.ndarray | None = None
        self._places = IdMap([])

    @abc.abstractmethod
    def _weigh(self, together: np.ndarray) -> np.ndarray:
        """Weights ``[N, N]`` from ``together`` ``[N, N]``, the users that two items share."""

    def fit(self, interactions: Interactions) -> Self:
        """Learn the weights from which items the same users interacted with.

        Raises:
            DataError: more than 20,000 items, for which the ``[N, N]`` weights are too large.
        """
        n = len(interactions.items)
        if n > _LARGEST_CATALOGUE:
            raise DataError(
                f"{type(self).__name__} expected at most {_LARGEST_CATALOGUE:,} items, since it "
                f"holds a number for each pair; received {n:,}. Filter out rare items first."
            )
        order = np.argsort(interactions.user_codes, kind="stable")
        users, items = interactions.user_codes[order], interactions.item_codes[order]
        together = np.zeros((n, n), dtype=np.float32)
        for start in range(0, len(interactions.users), _USERS_AT_ONCE):
            part = slice(*np.searchsorted(users, [start, start + _USERS_AT_ONCE]))
            seen = np.zeros((_USERS_AT_ONCE, n), dtype=np.float32)
            seen[users[part] - start, items[part]] = 1.0
            together += seen.T @ seen
        self.items = interactions.items
        self._places = IdMap(self.items)
        self._weights = np.ascontiguousarray(self._weigh(together), dtype=np.float32)
        return self

    def __call__(self, queries: Queries, k: int) -> Ranked:
        """The ``k`` best items that each query does not exclude.

        Returns:
            `Ranked` of ``[B, k]``; places are invalid where fewer than ``k`` items are left.

        Raises:
            NotFittedError: `fit` was not called.
            ConfigError: ``k`` is not a positive integer.
        """
        k = check_k(k)
        weights = self._fitted()
        batch = queries.batch_size
        scores = np.full((batch, k), -np.inf, dtype=np.float32)
        columns = np.zeros((batch, k), dtype=np.int64)
        for start in range(0, batch, _USERS_AT_ONCE):
            block = self._scores(queries.rows(start, start + _USERS_AT_ONCE), weights)
            best = select_top(block, k)
            part = slice(start, start + _USERS_AT_ONCE)
            columns[part, : best.shape[1]] = best
            scores[part, : best.shape[1]] = np.take_along_axis(block, best, axis=1)
        valid = scores > -np.inf
        ids = self.items[columns]
        ids[~valid] = filler(ids.dtype)
        return Ranked(ids, scores, valid)

    def score(self, queries: Queries, ids: np.ndarray) -> np.ndarray:
        """The scores ``[B, K]`` of the items ``ids`` ``[B, K]`` for each query's history.

        An item that was not met in training scores 0, as everything does for an empty history.

        Raises:
            NotFittedError: `fit` was not called.
        """
        weights = self._fitted()
        places = self._places.of(ids.reshape(-1)).reshape(ids.shape)
        seen = np.zeros((queries.batch_size, len(self.items)), dtype=np.float32)
        seen[self._pairs(queries.history)] = 1.0
        found = np.take_along_axis(seen @ weights, np.maximum(places, 0), axis=1)
        return np.where(places >= 0, found, np.float32(0))

    def write(self, draft: Draft) -> None:
        """Write items and weights into a part of a bundle."""
        draft.write_arrays("weights.safetensors", {"weights": self._fitted()})
        draft.write_table("items.parquet", pl.DataFrame({"item": self.items}))

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Read what `write` wrote; the options that weighed the items are not among it."""
        model = cls()
        model.items = folder.read_table("items.parquet")["item"].to_numpy()
        model._places = IdMap(model.items)
        model._weights = folder.read_arrays("weights.safetensors")["weights"]
        return model

    def _fitted(self) -> np.ndarray:
        if self._weights is None:
            name = type(self).__name__
            raise NotFittedError(f"This {name} is not fitted. Call fit(interactions) first.")
        return self._weights

    def _scores(self, queries: Queries, weights: np.ndarray) -> np.ndarray:
        """Scores ``[B, N]``, -inf for what is excluded."""
        seen = np.zeros((queries.batch_size, len(self.items)), dtype=np.float32)
        seen[self._pairs(queries.history)] = 1.0
        scores = seen @ weights
        scores[~seen.any(axis=1)] = -np.inf
        if queries.exclude is not None:
            scores[self._pairs(queries.exclude)] = -np.inf
        return scores

    def _pairs(self, rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The row and the column of each known id in ragged ``rows``."""
        flat, owners = flatten(rows)
        places = self._places.of(flat)
        return owners[places >= 0], places[places >= 0]

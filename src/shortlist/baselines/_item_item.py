"""`ItemItem`: what the item-item models share, weights from items to items."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Self

import numpy as np
import polars as pl

from shortlist.baselines._sparse import Sparse
from shortlist.bundle import Draft, Folder
from shortlist.errors import NotFittedError
from shortlist.ids import IdMap, as_ids, filler, flatten
from shortlist.index.base import check_k
from shortlist.queries import Queries
from shortlist.ranked import Ranked, select_top

__all__ = ["ItemItem"]

_USERS_AT_ONCE = 1024


class ItemItem(abc.ABC):
    """Scores an item by the sum of the weights from the items of the history to it.

    A query whose history holds no known item gets an empty list: there is nothing to say. Equal
    scores come in the order of the items' first appearance in the data.
    """

    items: np.ndarray

    def __init__(self) -> None:
        self._places = IdMap([])
        self._arrays: dict[str, np.ndarray] | None = None

    @abc.abstractmethod
    def _scores(self, seen: Sparse) -> np.ndarray:
        """Scores ``[B, N]`` float32 from ``seen`` ``[B, N]``, 1 for every item of a history."""

    def _fill(self, items: np.ndarray, arrays: dict[str, np.ndarray]) -> Self:
        self.items = items
        self._places = IdMap(items)
        self._arrays = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
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
        self._fitted()
        batch = queries.batch_size
        scores = np.full((batch, k), -np.inf, dtype=np.float32)
        columns = np.zeros((batch, k), dtype=np.int64)
        for start in range(0, batch, _USERS_AT_ONCE):
            block = self._allowed(queries.rows(start, start + _USERS_AT_ONCE))
            best = _best(block, k)
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
        self._fitted()
        places = self._places.of(ids.reshape(-1)).reshape(ids.shape)
        found = self._scores_at(self._seen(queries), np.maximum(places, 0))
        return np.where(places >= 0, found, np.float32(0))

    def _scores_at(self, seen: Sparse, columns: np.ndarray) -> np.ndarray:
        """The scores ``[B, K]`` at ``columns`` ``[B, K]`` alone."""
        return np.take_along_axis(self._scores(seen), columns, axis=1)

    def write(self, draft: Draft) -> None:
        """Write items and weights into a part of a bundle."""
        draft.write_arrays("weights.safetensors", self._fitted())
        draft.write_table("items.parquet", pl.DataFrame({"item": self.items.tolist()}))

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Read what `write` wrote; the options that weighed the items are not among it."""
        items = as_ids(folder.read_table("items.parquet")["item"].to_list())
        return cls()._fill(items, folder.read_arrays("weights.safetensors"))

    def _fitted(self) -> dict[str, np.ndarray]:
        if self._arrays is None:
            name = type(self).__name__
            raise NotFittedError(f"This {name} is not fitted. Call fit(...) first.")
        return self._arrays

    def _seen(self, queries: Queries) -> Sparse:
        """1 for each known item of each history, once."""
        owners, places = self._pairs(queries.history)
        pairs = np.unique(owners * len(self.items) + places)
        shape = queries.batch_size, len(self.items)
        return Sparse.of(*np.divmod(pairs, shape[1]), np.ones(len(pairs)), shape)

    def _allowed(self, queries: Queries) -> np.ndarray:
        """Scores ``[B, N]``, -inf for what is excluded."""
        seen = self._seen(queries)
        scores = self._scores(seen)
        scores[np.diff(seen.starts) == 0] = -np.inf
        if queries.exclude is not None:
            scores[self._pairs(queries.exclude)] = -np.inf
        return scores

    def _pairs(self, rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The row and the column of each known id in ragged ``rows``."""
        flat, owners = flatten(rows)
        places = self._places.of(flat)
        return owners[places >= 0], places[places >= 0]


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """What `select_top` gives, faster where most of a row's scores are 0, as they are here."""
    above = scores > 0
    counts = np.count_nonzero(above, axis=1)
    if not len(scores) or counts.min() < k:
        return select_top(scores, k)
    rows, columns = np.nonzero(above)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    packed = np.full((len(scores), counts.max()), -np.inf, dtype=scores.dtype)
    packed[rows, places] = scores[rows, columns]
    owners = np.zeros(packed.shape, dtype=np.int64)
    owners[rows, places] = columns
    return np.take_along_axis(owners, select_top(packed, k), axis=1)

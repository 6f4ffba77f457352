"""`Factors`: what the matrix factorisations share, a vector for every item."""

from __future__ import annotations

import abc
from typing import Self

import numpy as np
import polars as pl

from shortlist.baselines._sparse import Sparse
from shortlist.bundle import Draft, Folder
from shortlist.errors import ConfigError, NotFittedError
from shortlist.ids import IdMap, as_ids, filler, flatten
from shortlist.index import Exact
from shortlist.index.base import check_k
from shortlist.queries import Queries
from shortlist.ranked import Ranked

__all__ = ["Factors"]

_USERS_AT_ONCE = 1024


class Factors(abc.ABC):
    """Scores an item by the dot product of its vector with the query's.

    A query of whom nothing is known gets an empty list. Equal scores come in the order of the
    items' first appearance in the data.

    Attributes:
        items: ``[N]`` the item ids.
        item_vectors: ``[N, D]`` float32.
    """

    items: np.ndarray
    item_vectors: np.ndarray

    def __init__(self, *, embedding_dim: int, epochs: int, seed: int) -> None:
        for name, value in {"embedding_dim": embedding_dim, "epochs": epochs}.items():
            if value < 1 or value != int(value):
                raise ConfigError(f"Expected {name} of at least 1; received {value!r}.")
        self.embedding_dim = embedding_dim
        self.epochs = epochs
        self.seed = seed
        self._index: Exact | None = None

    @abc.abstractmethod
    def _vectors(self, queries: Queries) -> np.ndarray:
        """The vectors ``[B, D]`` of queries, zeros for those of whom nothing is known."""

    def __call__(self, queries: Queries, k: int) -> Ranked:
        """The ``k`` best items that each query does not exclude.

        Returns:
            `Ranked` of ``[B, k]``; places are invalid where fewer than ``k`` items are left.

        Raises:
            NotFittedError: `fit` was not called.
            ConfigError: ``k`` is not a positive integer.
        """
        k, index = check_k(k), self._fitted()
        parts = [
            self._search(index, queries.rows(start, start + _USERS_AT_ONCE), k)
            for start in range(0, max(len(queries), 1), _USERS_AT_ONCE)
        ]
        return Ranked.concatenate(parts)

    def write(self, draft: Draft) -> None:
        """Write items, vectors and options into a part of a bundle."""
        self._fitted()
        draft.write_json("factors.json", self._options())
        draft.write_arrays("factors.safetensors", self._arrays())
        draft.write_table("items.parquet", pl.DataFrame({"item": self.items.tolist()}))

    @classmethod
    def read(cls, folder: Folder) -> Self:
        """Read what `write` wrote."""
        model = cls(**folder.read_json("factors.json"))
        items = as_ids(folder.read_table("items.parquet")["item"].to_list())
        arrays = folder.read_arrays("factors.safetensors")
        return model._restored(items, arrays, folder)

    @abc.abstractmethod
    def _options(self) -> dict[str, float | int]:
        """What the class is made with."""

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"items": self.item_vectors}

    def _restored(self, items: np.ndarray, arrays: dict[str, np.ndarray], folder: Folder) -> Self:
        del folder
        return self._fill(items, arrays["items"])

    def _fill(self, items: np.ndarray, vectors: np.ndarray) -> Self:
        self.items = items
        self.item_vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._index = Exact().build(self.item_vectors, items)
        self._places = IdMap(items)
        return self

    def _fitted(self) -> Exact:
        if self._index is None:
            name = type(self).__name__
            raise NotFittedError(f"This {name} is not fitted. Call fit(interactions) first.")
        return self._index

    def _search(self, index: Exact, queries: Queries, k: int) -> Ranked:
        vectors = self._vectors(queries)
        ranked = index.search(vectors, k, deny=queries.exclude)
        known = vectors.any(axis=1, keepdims=True)
        if known.all():
            return ranked
        ids = np.where(known, ranked.ids, filler(ranked.ids.dtype))
        return Ranked(ids, np.where(known, ranked.scores, -np.inf), ranked.valid & known)

    def _histories(self, queries: Queries) -> Sparse:
        """1 for each known item of each query's history ``[B, N]``."""
        flat, owners = flatten(queries.history)
        places = self._places.of(flat)
        n = len(self.items)
        pairs = np.unique(owners[places >= 0] * n + places[places >= 0])
        return Sparse.of(*np.divmod(pairs, n), np.ones(len(pairs)), (len(queries), n))

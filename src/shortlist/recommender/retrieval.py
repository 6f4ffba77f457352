"""`TowerRetriever`: a two-tower model behind an index, as a callable ``(Queries, k) -> Ranked``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.errors import DataError
from shortlist.features import Encoder
from shortlist.ids import as_ids
from shortlist.index import Exact, Index
from shortlist.index.opening import read_index
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.frames import query_columns
from shortlist.recommender.models import Engine, Towers, read_towers, write_towers
from shortlist.recommender.signals import ItemVectors

__all__ = ["TowerRetriever"]


class TowerRetriever:
    """Embeds queries with the query tower and searches the candidates' vectors.

    Args:
        model: a trained `TwoTower`, or one as ONNX graphs.
        encoder: the query side's encoder, fitted.
        candidate_encoder: the candidate side's encoder, fitted.
        index: the candidates' vectors under their ids.
    """

    def __init__(
        self, model: Towers, encoder: Encoder, candidate_encoder: Encoder, index: Index
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.candidate_encoder = candidate_encoder
        self.index = index
        self._history = model.history_table()

    @classmethod
    def of(
        cls,
        model: Towers,
        query_encoder: Encoder,
        candidate_encoder: Encoder,
        items: pl.DataFrame,
        index: Index | None = None,
    ) -> TowerRetriever:
        """Embed the catalogue ``items`` once and put it into ``index`` (default `Exact`)."""
        encoded = candidate_encoder.transform(items)
        vectors = model.embed_candidates(encoded)
        filled = (Exact() if index is None else index).build(vectors, items["item"])
        return cls(model, query_encoder, candidate_encoder, filled)

    def __call__(
        self,
        queries: Queries,
        k: int,
        allow: Sequence[Any] | np.ndarray | None = None,
    ) -> Ranked:
        """The ``k`` candidates with the largest scores, without those of ``queries.exclude``.

        Args:
            queries: who asks.
            k: the length of each list.
            allow: the only ids that may come back, as for `Index.search`.
        """
        return self.index.search(self.embed(queries), k, allow=allow, deny=queries.exclude)

    def embed(self, queries: Queries) -> np.ndarray:
        """The query tower's vectors, ``[B, D]``."""
        return self.model.embed_queries(self.encoder.transform(query_columns(queries)))

    def embed_items(self, items: pl.DataFrame) -> np.ndarray:
        """The candidate tower's vectors ``[N, D]`` of items, be they of the catalogue or new."""
        return self.model.embed_candidates(self.candidate_encoder.transform(items))

    def vectors(self, ids: Sequence[Any] | np.ndarray) -> np.ndarray:
        """The candidates' vectors ``[N, D]`` by id, without the bias; zeros for an unknown item."""
        asked = as_ids(ids)
        try:
            return self.index.vectors(asked)[:, :-1]
        except DataError:  # an item is unknown, which is rare
            known = self.index.known(asked)
        found = np.zeros((len(asked), self.model.embedding_dim), dtype=np.float32)
        found[known] = self.index.vectors(asked[known])[:, :-1]
        return found

    @property
    def item_vectors(self) -> ItemVectors:
        """What a ranker needs of the towers."""
        return ItemVectors(self.vectors, self._history_vectors)

    def _history_vectors(self, ids: np.ndarray) -> np.ndarray:
        """What each item adds to a query whose history holds it, ``[N, D]``."""
        codes = self.encoder.vocabulary("item").encode(ids)
        found = self._history[codes]
        found[codes == 0] = 0.0
        return found

    def write(self, draft: Draft) -> None:
        """Write model, encoders and index into a part of a bundle."""
        write_towers(draft.folder("model"), self.model)
        self.encoder.write(draft.folder("encoder"))
        self.candidate_encoder.write(draft.folder("candidate_encoder"))
        self.index.write(draft.folder("index"))

    @classmethod
    def read(cls, folder: Folder, engine: Engine = "auto", *, threads: int = 1) -> TowerRetriever:
        """Open what `write` wrote; see `Recommender.load` for the options."""
        return cls(
            read_towers(folder.folder("model"), engine, threads=threads),
            Encoder.read(folder.folder("encoder")),
            Encoder.read(folder.folder("candidate_encoder")),
            read_index(folder.folder("index")),
        )

"""`TowerRetriever`: a two-tower model behind an index, as a callable ``(Queries, k) -> Ranked``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from shortlist.bundle import Draft, Folder
from shortlist.features import Encoder
from shortlist.ids import as_ids
from shortlist.index import Exact, Index
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.frames import query_frame
from shortlist.recommender.signals import ItemVectors
from shortlist.recommender.weights import read_model, to_numpy, write_model

if TYPE_CHECKING:
    from shortlist.models import TwoTower

__all__ = ["TowerRetriever"]


class TowerRetriever:
    """Embeds queries with the query tower and searches the candidates' vectors.

    Args:
        model: a trained `TwoTower`.
        encoder: the query side's encoder, fitted.
        index: the candidates' vectors under their ids.
    """

    def __init__(self, model: TwoTower, encoder: Encoder, index: Index) -> None:
        self.model = model
        self.encoder = encoder
        self.index = index

    @classmethod
    def of(
        cls,
        model: TwoTower,
        query_encoder: Encoder,
        candidate_encoder: Encoder,
        items: pl.DataFrame,
        index: Index | None = None,
    ) -> TowerRetriever:
        """Embed the catalogue ``items`` once and put it into ``index`` (default `Exact`)."""
        encoded = candidate_encoder.transform(items)
        vectors = model.embed_candidates(encoded)
        filled = (Exact() if index is None else index).build(vectors, items["item"])
        return cls(model, query_encoder, filled)

    def __call__(self, queries: Queries, k: int) -> Ranked:
        """The ``k`` candidates with the largest scores, without those of ``queries.exclude``."""
        return self.index.search(self.embed(queries), k, deny=queries.exclude)

    def embed(self, queries: Queries) -> np.ndarray:
        """The query tower's vectors, ``[B, D]``."""
        return self.model.embed_queries(self.encoder.transform(query_frame(queries)))

    def vectors(self, ids: Sequence[Any] | np.ndarray) -> np.ndarray:
        """The candidates' vectors ``[N, D]`` by id, without the bias; zeros for an unknown item."""
        asked = as_ids(ids)
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
        table = to_numpy(self.model.query_tower.tables["history"].table)
        return np.where(codes[:, None] > 0, table[codes], np.float32(0))

    def write(self, draft: Draft) -> None:
        """Write model, encoder and index into a part of a bundle."""
        write_model(draft.folder("model"), self.model)
        self.encoder.write(draft.folder("encoder"))
        self.index.write(draft.folder("index"))

    @classmethod
    def read(cls, folder: Folder) -> TowerRetriever:
        """Open what `write` wrote."""
        from shortlist.models import TwoTower  # noqa: PLC0415  (loads Keras, so only when needed)

        return cls(
            read_model(folder.folder("model"), TwoTower),
            Encoder.read(folder.folder("encoder")),
            Exact.read(folder.folder("index")),
        )

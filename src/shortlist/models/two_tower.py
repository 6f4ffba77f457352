"""`TwoTower`: a query tower and a candidate tower whose dot product scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, SchemaError, nearest
from shortlist.features import FeatureInfo
from shortlist.layers.embedding import Embedding
from shortlist.layers.tower import Tower
from shortlist.losses import sampled_softmax
from shortlist.losses.masks import unseen_mask
from shortlist.models.base import Model
from shortlist.models.inference import in_blocks

__all__ = ["TwoTower"]

Features = Mapping[str, Any]


@keras.saving.register_keras_serializable(package="shortlist")
class TwoTower(Model):
    """Two towers made from feature specs, trained to tell the item met from the others.

    The score of a query ``q`` and a candidate ``c`` is ``q . c + bias[c]``; the bias travels as one
    more dimension of the vectors (``D = embedding_dim + 1``, the query's is 1), so that any
    inner-product index serves them.

    The loss is the in-batch sampled softmax: an example's item is told apart from the other items
    of its batch, without those in its query's own history, which are no evidence of dislike. Since
    popular items are drawn into a batch more often, their scores are corrected by how often (logQ:
    Yi et al. 2019, "Sampling-bias-corrected neural modeling for large corpus item
    recommendations"); without it a two-tower model learns the wrong popularity.

    Args:
        query: what the query encoder's ``describe()`` returns.
        candidate: what the candidate encoder's ``describe()`` returns.
        candidate_id: the categorical feature of ``candidate`` that is the item id.
        embedding_dim: the length of the vectors without the bias.
        history: the feature of ``query`` that holds the latest items, oldest first, or None.
        recency: weigh the history by recency.
        unknown_rate: see `Tower`; of the query's features.
        hidden_units: see `Tower`; of both towers.
        dropout: see `Tower`; of both towers.

    A batch for ``fit`` is one dict with the features of both towers, whose names must differ, and
    ``candidate_probability`` ``[B]``, the share of the interactions that each example's item has;
    optionally ``sample_weight`` ``[B]``. With ``Batches(..., unique=[candidate_id])`` each distinct
    item of a batch is embedded and scored once, for the same loss at a fraction of the work.

    Raises:
        ConfigError: a feature has the same name on both sides, or ``candidate_id`` is unknown.
    """

    def __init__(
        self,
        query: Mapping[str, FeatureInfo | Mapping[str, Any]],
        candidate: Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        candidate_id: str = "item",
        embedding_dim: int = 64,
        history: str | None = None,
        recency: bool = True,
        unknown_rate: Mapping[str, float] | None = None,
        hidden_units: tuple[int, ...] = (),
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        _check_names(query, candidate, candidate_id)
        self.candidate_id = candidate_id
        self.embedding_dim = embedding_dim
        self.query_tower = Tower(
            query,
            embedding_dim,
            history=history,
            recency=recency,
            unknown_rate=unknown_rate,
            hidden_units=hidden_units,
            dropout=dropout,
            name="query_tower",
        )
        self.candidate_tower = Tower(
            candidate,
            embedding_dim,
            hidden_units=hidden_units,
            dropout=dropout,
            name="candidate_tower",
        )
        size = self.candidate_tower.features[candidate_id].size or 0
        self.bias = Embedding(size, 1, embeddings_initializer="zeros", name="candidate_bias")

    def query_embeddings(self, features: Features, training: bool = False) -> Any:
        """Vectors ``[B, D]`` of queries; the last dimension is 1 and meets the candidate's bias."""
        vectors = self.query_tower(features, training=training)
        return ops.concatenate([vectors, ops.ones_like(vectors[:, :1])], axis=-1)

    def candidate_embeddings(self, features: Features, training: bool = False) -> Any:
        """Vectors ``[B, D]`` of candidates; the last dimension is the item's bias."""
        vectors = self.candidate_tower(features, training=training)
        bias = self.bias(ops.cast(features[self.candidate_id], "int32"))
        return ops.concatenate([vectors, bias], axis=-1)

    def embed_queries(self, features: Features) -> np.ndarray:
        """As `query_embeddings`, for NumPy arrays of any number of rows, in blocks."""
        return in_blocks(self.query_embeddings, _of(self.query_tower, features))

    def embed_candidates(self, features: Features) -> np.ndarray:
        """As `candidate_embeddings`, for NumPy arrays of any number of rows, in blocks."""
        return in_blocks(self.candidate_embeddings, _of(self.candidate_tower, features))

    def history_table(self) -> np.ndarray:
        """``[codes, embedding_dim]``: what each item adds to a query whose history holds it."""
        if self.query_tower.history is None:
            return np.empty((0, self.embedding_dim), dtype=np.float32)
        table = self.query_tower.tables[self.query_tower.history].table
        return np.ascontiguousarray(ops.convert_to_numpy(table), dtype=np.float32)

    def compute_loss(self, features: Features, training: bool = False) -> Any:
        """The mean cross-entropy of a batch."""
        for name in (self.candidate_id, "candidate_probability"):
            if name not in features:
                raise SchemaError(
                    f"TwoTower expected {name!r} in a batch; received {sorted(features)}."
                )
        columns, positives, counts = self._columns(features)
        ids = ops.cast(columns[self.candidate_id], "int32")
        probability = ops.cast(columns["candidate_probability"], "float32")
        history = self.query_tower.history
        return sampled_softmax(
            self.query_embeddings(features, training),
            self.candidate_embeddings(columns, training),
            positives=positives,
            counts=counts,
            log_q=ops.log(ops.maximum(probability, 1e-12)),
            candidate_ids=ids,
            mask=None if history is None else unseen_mask(ids, features[history]),
            sample_weight=features.get("sample_weight"),
            reduction="mean",
        )

    def _columns(self, features: Features) -> tuple[Features, Any, Any]:
        """The candidates of a batch, which of them is each example's own, and their counts.

        Where the batch says which rows hold each distinct item (``Batches(unique=[...])``), every
        item is embedded and scored once; loss and gradients are the same.
        """
        first = features.get(f"{self.candidate_id}_first")
        if first is None:
            return features, None, None
        names = [*self.candidate_tower.features, "candidate_probability"]
        columns = {name: ops.take(features[name], first, axis=0) for name in names}
        inverse = features[f"{self.candidate_id}_inverse"]
        return columns, inverse, features[f"{self.candidate_id}_counts"]

    def build(self, input_shape: Any = None) -> None:
        """Create every weight; the features' descriptions say all that is needed."""
        del input_shape
        self.build_all()

    def build_all(self) -> None:
        """Create every weight without a batch, to count or to load them."""
        for part in (self.query_tower, self.candidate_tower, self.bias):
            if not part.built:
                part.build(())
        self.built = True

    def call(self, features: Features, training: bool = False) -> Any:
        """The scores ``[B]`` of paired queries and candidates."""
        queries = self.query_embeddings(features, training)
        return ops.sum(queries * self.candidate_embeddings(features, training), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        tower = self.query_tower
        return {
            "name": self.name,
            "query": _config(tower.features),
            "candidate": _config(self.candidate_tower.features),
            "candidate_id": self.candidate_id,
            "embedding_dim": self.embedding_dim,
            "history": tower.history,
            "recency": tower.recency,
            "unknown_rate": tower.unknown_rate,
            "dropout": tower.dropout,
            "hidden_units": list(tower.hidden_units),
        }


def _config(features: Mapping[str, FeatureInfo]) -> dict[str, Any]:
    return {name: dataclasses.asdict(info) for name, info in features.items()}


def _of(tower: Tower, features: Features) -> dict[str, np.ndarray]:
    return {name: np.asarray(features[name]) for name in tower.features if name in features}


def _check_names(query: Features, candidate: Features, candidate_id: str) -> None:
    both = sorted(set(query) & set(candidate))
    if both:
        raise ConfigError(
            f"The features {both} stand on the query's and on the candidate's side. A batch is one "
            "dict, so their names must differ: give one of them another `name=` in its spec."
        )
    if candidate_id not in candidate:
        raise ConfigError(
            f"candidate_id={candidate_id!r} is not among the candidate's features "
            f"{sorted(candidate)}.{nearest(candidate_id, candidate)}"
        )

"""`TPUEmbedding`: many features looked up in tables that they may share."""

from __future__ import annotations

from typing import Any

import keras

from shortlist.errors import ConfigError, DataError, nearest
from shortlist.layers import _distributed
from shortlist.layers._feature_plan import FeaturePlan, layer_arguments, layer_config
from shortlist.layers._lookups import as_tensor, look_up
from shortlist.layers.embedding import Embedding
from shortlist.layers.table_config import table_initializer
from shortlist.layers.table_optimizer import table_optimizer

__all__ = ["TPUEmbedding"]


@keras.saving.register_keras_serializable(package="shortlist")
class TPUEmbedding(keras.layers.Layer):
    """Looks features up in tables, each table updated row by row with an optimizer of its own.

    On a TPU the tables lie in its embedding hardware, through `keras_rs` (the extra ``tpu``). On
    any other machine each is a `shortlist.layers.Embedding` with the same maths.

    Args:
        feature_config: a nest (dict, list, tuple or one alone) of `FeatureConfig`, or of those of
            ``tf.tpu.experimental.embedding``.
        optimizer: of all tables that have none themselves: ``"sgd"``, ``"adagrad"``, ``"adam"``,
            ``"ftrl"``, a Keras optimizer or one of ``tf.tpu.experimental.embedding``; None leaves
            the tables to the optimizer given to ``compile``.
        pipeline_execution_with_tensor_core: taken and not needed.
        batch_size: the size of a batch, where the hardware must know it before.
        embedding_feature: ``"UNSUPPORTED"`` (or the value of that name of ``tf.tpu``) keeps the
            tables out of a TPU's embedding hardware.
        sparse_core_embedding_config: taken and not needed.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        features: ids, in the nest of ``feature_config``; a dict may have fewer entries. Dense
            ``[...]``, or on TensorFlow ragged ``[B, (L)]`` or sparse ``[..., L]``.
        weights: None, or weights in the same nest. Those of a ragged or sparse feature are of its
            kind. Dense ones ``[..., L]`` make lists of a dense feature, where 0 is padding: so
            lists work on every backend.
        serving_config: features to look up in place of those of ``feature_config``, in the same
            tables.

    Returns:
        Vectors in the nest of ``features``: ``[..., D]`` for a dense feature, the lists of others
        combined to ``[B, D]`` or, with ``max_sequence_length``, ``[B, max_sequence_length, D]``.

    Raises:
        ConfigError: a configuration or optimizer is wrong.
        DataError: a feature is not configured or has the wrong shape.
        MissingDependencyError: on a TPU without `keras_rs`.

    >>> import numpy as np
    >>> from shortlist.layers import FeatureConfig, TableConfig
    >>> table = TableConfig(100, 4, name="words")
    >>> layer = TPUEmbedding({"title": FeatureConfig(table), "tag": FeatureConfig(table)}, "sgd")
    >>> found = layer({"title": np.array([[1, 2, 3]]), "tag": np.array([7])})
    >>> tuple(found["title"].shape), tuple(found["tag"].shape), len(layer.weights)
    ((1, 3, 4), (1, 4), 1)
    """

    def __init__(
        self,
        feature_config: Any,
        optimizer: Any,
        pipeline_execution_with_tensor_core: bool = False,
        batch_size: int | None = None,
        embedding_feature: Any = None,
        sparse_core_embedding_config: Any = None,
        **kwargs: Any,
    ) -> None:
        del pipeline_execution_with_tensor_core, sparse_core_embedding_config
        super().__init__(autocast=False, **kwargs)
        self._plan = FeaturePlan(feature_config)
        self.batch_size = batch_size
        self.optimizer = table_optimizer(optimizer)
        self.embedding_feature = getattr(embedding_feature, "name", embedding_feature)
        self.distributed = None
        self.tables: list[Embedding] = []
        if _distributed.is_needed(self.embedding_feature):
            self.distributed = _distributed.layer(self._plan, self.optimizer, batch_size)
        else:
            self.tables = [self._table(table, i) for i, table in enumerate(self._plan.tables)]

    def _table(self, table: Any, place: int) -> Embedding:
        own = table_optimizer(table.optimizer)
        return Embedding(
            table.vocabulary_size,
            table.dim,
            embeddings_initializer=table_initializer(table),
            optimizer=self.optimizer if own is None else own,
            name=table.name or f"table_{place}",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: Any = None) -> None:
        """Create the tables."""
        del input_shape
        for table in self.tables:
            table.build(())
        self.built = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As any layer; single ids may be Python numbers."""
        return super().__call__(*keras.tree.map_structure(as_tensor, args), **kwargs)

    def call(self, features: Any, weights: Any = None, serving_config: Any = None) -> Any:
        """Look up features and combine the lists among them."""
        if self.distributed is not None:
            if serving_config is not None:
                raise ConfigError("serving_config is for machines without a TPU; leave it out.")
            return self.distributed(features, weights)
        plan = self._plan if serving_config is None else self._plan.serving(serving_config)
        given = {} if weights is None else dict(keras.tree.flatten_with_path(weights))
        vectors = []
        for path, ids in keras.tree.flatten_with_path(features):
            if path not in plan.features:
                known = [".".join(map(str, p)) for p in plan.features]
                name = ".".join(map(str, path))
                raise DataError(
                    f"{self.name!r} expected some of the features {known}; received {name!r}."
                    f"{nearest(name, known)}"
                )
            feature = plan.features[path]
            table = self.tables[plan.places[path]]
            name = ".".join(map(str, path)) or feature.name or self.name
            vectors.append(look_up(name, feature, table, ids, given.get(path)))
        return keras.tree.pack_sequence_as(features, vectors)

    @property
    def embedding_tables(self) -> dict[Any, Any]:
        """The variable of each table, by its configuration."""
        if self.distributed is not None:
            return self.distributed.get_embedding_tables()
        return {
            table: layer.table for table, layer in zip(self._plan.tables, self.tables, strict=True)
        }

    def update_embedding_table(self, table: Any, embedding_table: Any) -> None:
        """Replace all vectors of the table with this configuration.

        Raises:
            ConfigError: the layer has no such table.
        """
        if table not in self._plan.tables or self.distributed is not None:
            raise ConfigError(f"{self.name!r} has no table {table!r} that can be replaced.")
        layer = self.tables[self._plan.tables.index(table)]
        layer.build(())
        layer.table.assign(embedding_table)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            **layer_config(self._plan, self.optimizer),
            "batch_size": self.batch_size,
            "embedding_feature": self.embedding_feature,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TPUEmbedding:
        """The layer of a configuration."""
        return cls(**layer_arguments(config))

"""`PartialTPUEmbedding`: a TPU's embedding hardware for the large tables alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from shortlist._backend.ragged import native
from shortlist.errors import DataError, nearest
from shortlist.layers._feature_plan import FeaturePlan, layer_arguments, layer_config
from shortlist.layers._lookups import as_tensor
from shortlist.layers.embedding import Embedding
from shortlist.layers.table_config import table_initializer
from shortlist.layers.table_optimizer import table_optimizer
from shortlist.layers.tpu_embedding import TPUEmbedding

__all__ = ["PartialTPUEmbedding"]


@keras.saving.register_keras_serializable(package="shortlist")
class PartialTPUEmbedding(keras.layers.Layer):
    """Features in tables of more than ``size_threshold`` rows go to a `TPUEmbedding`.

    The others are looked up in a `shortlist.layers.Embedding` a table, which the optimizer given to
    ``compile`` updates.

    Args:
        feature_config: a dict of `FeatureConfig`, or of those of ``tf.tpu.experimental.embedding``.
        optimizer: of the large tables, as `TPUEmbedding` takes it.
        pipeline_execution_with_tensor_core: taken and not needed.
        batch_size: as in `TPUEmbedding`.
        size_threshold: 0 for `TPUEmbedding` alone, None for ordinary tables alone.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        inputs: a dict of ids by feature: dense for the small tables, of any kind for the others.

    Returns:
        A dict of vectors by feature.

    Raises:
        DataError: a feature is not configured, or one of a small table is not dense.

    >>> import numpy as np
    >>> from shortlist.layers import FeatureConfig, TableConfig
    >>> small, large = TableConfig(10, 4), TableConfig(20_000, 8)
    >>> config = {"day": FeatureConfig(small), "item": FeatureConfig(large)}
    >>> layer = PartialTPUEmbedding(config, "adagrad")
    >>> found = layer({"day": np.array([1, 2]), "item": np.array([7, 19_999])})
    >>> sorted(layer.keras_embedding_layers), tuple(found["item"].shape)
    (['day'], (2, 8))
    """

    def __init__(
        self,
        feature_config: Mapping[str, Any],
        optimizer: Any,
        pipeline_execution_with_tensor_core: bool = False,
        batch_size: int | None = None,
        size_threshold: int | None = 10_000,
        **kwargs: Any,
    ) -> None:
        del pipeline_execution_with_tensor_core
        super().__init__(autocast=False, **kwargs)
        self._plan = FeaturePlan(dict(feature_config))
        self.optimizer = table_optimizer(optimizer)
        self.batch_size = batch_size
        self.size_threshold = size_threshold
        large = {n: f for n, f in feature_config.items() if self._is_large(f.table)}
        self._tpu_embedding = (
            TPUEmbedding(large, self.optimizer, batch_size=batch_size) if large else None
        )
        tables: dict[int, Embedding] = {}
        self._small = {}
        for name, feature in feature_config.items():
            if name not in large:
                table = feature.table
                self._small[name] = tables.setdefault(id(table), _layer(table))

    def _is_large(self, table: Any) -> bool:
        return self.size_threshold is not None and table.vocabulary_size > self.size_threshold

    def build(self, input_shape: Any = None) -> None:
        """Create the tables."""
        del input_shape
        for layer in self._small.values():
            layer.build(())
        if self._tpu_embedding is not None:
            self._tpu_embedding.build()
        self.built = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As any layer; single ids may be Python numbers."""
        return super().__call__(*keras.tree.map_structure(as_tensor, args), **kwargs)

    def call(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Look up every feature."""
        found: dict[str, Any] = {}
        for name, ids in inputs.items():
            if (name,) not in self._plan.features:
                known = [path[0] for path in self._plan.features]
                raise DataError(
                    f"{self.name!r} expected some of the features {known}; received {name!r}."
                    f"{nearest(name, known)}"
                )
            if name not in self._small:
                continue
            if native.is_ragged(ids):
                raise DataError(
                    f"The feature {name!r} has a table of at most {self.size_threshold} rows and "
                    f"expected a dense tensor; received {type(ids).__name__}. Pad it, or lower "
                    "size_threshold."
                )
            found[name] = self._small[name](ids)
        large = {name: ids for name, ids in inputs.items() if name not in self._small}
        if large and self._tpu_embedding is not None:
            found.update(self._tpu_embedding(large))
        return found

    @property
    def tpu_embedding(self) -> TPUEmbedding | None:
        """The layer of the large tables, if there are any."""
        return self._tpu_embedding

    @property
    def keras_embedding_layers(self) -> dict[str, Embedding]:
        """The layer of each feature in a small table."""
        return dict(self._small)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            **layer_config(self._plan, self.optimizer),
            "batch_size": self.batch_size,
            "size_threshold": self.size_threshold,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PartialTPUEmbedding:
        """The layer of a configuration."""
        return cls(**layer_arguments(config))


def _layer(table: Any) -> Embedding:
    return Embedding(
        table.vocabulary_size,
        table.dim,
        embeddings_initializer=table_initializer(table),
        optimizer=table_optimizer(table.optimizer),
    )

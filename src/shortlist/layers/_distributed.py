"""The tables of a TPU's embedding hardware, through `keras_rs`."""

from __future__ import annotations

from typing import Any

import keras

from shortlist._backend.tpu import on_tpu
from shortlist.errors import ConfigError, MissingDependencyError
from shortlist.layers._feature_plan import FeaturePlan
from shortlist.layers.table_config import table_initializer
from shortlist.layers.table_optimizer import table_optimizer

__all__ = ["is_needed", "layer"]


def is_needed(embedding_feature: Any) -> bool:
    """Whether tables go to the hardware: on a TPU, unless it is told not to."""
    return embedding_feature != "UNSUPPORTED" and on_tpu()


def layer(plan: FeaturePlan, optimizer: Any, batch_size: int | None) -> Any:
    """A `keras_rs.layers.DistributedEmbedding` of a plan.

    Raises:
        MissingDependencyError: `keras_rs` is not installed.
        ConfigError: there is no ``batch_size``, which the hardware needs.
    """
    try:
        import keras_rs  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingDependencyError.of(
            "keras-rs", "tpu", "TPUEmbedding on a TPU (embedding_feature='UNSUPPORTED' does not)"
        ) from error
    if batch_size is None:
        raise ConfigError(
            "TPUEmbedding on a TPU expected batch_size, the size of a whole batch; received None."
        )
    tables = [_table(keras_rs, table, i, optimizer) for i, table in enumerate(plan.tables)]
    features = []
    for path, feature in plan.features.items():
        table = tables[plan.places[path]]
        length = feature.max_sequence_length
        shape = (batch_size, length) if length else (batch_size,)
        features.append(
            keras_rs.layers.FeatureConfig(
                name=feature.name or "_".join(map(str, path)),
                table=table,
                input_shape=(batch_size, length or 1),
                output_shape=(*shape, table.embedding_dim),
            )
        )
    nest = keras.tree.pack_sequence_as(plan.config, features)
    return keras_rs.layers.DistributedEmbedding(nest)


def _table(keras_rs: Any, table: Any, place: int, optimizer: Any) -> Any:
    own = table_optimizer(table.optimizer) or optimizer
    return keras_rs.layers.TableConfig(
        name=table.name or f"table_{place}",
        vocabulary_size=table.vocabulary_size,
        embedding_dim=table.dim,
        initializer=table_initializer(table),
        optimizer="adam" if own is None else own,
        combiner=table.combiner,
    )

"""`TableConfig` and `FeatureConfig`: which features are looked up in which tables.

They have the arguments of the classes of these names in ``tf.tpu.experimental.embedding``, whose
objects are taken in their place everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from shortlist.errors import ConfigError

__all__ = ["FeatureConfig", "TableConfig", "output_shape", "table_initializer"]


@dataclass(eq=False)
class TableConfig:
    """A table of embeddings.

    Two tables are the same only if they are one object.

    Args:
        vocabulary_size: the number of rows.
        dim: the length of a vector.
        initializer: what the table starts from; a truncated normal with a standard deviation of
            ``1 / sqrt(dim)`` by default.
        optimizer: of this table alone; by default the one of the layer.
        combiner: how the vectors of a list become one: ``"mean"``, ``"sum"`` or ``"sqrtn"``.
        name: the name of the table.

    >>> TableConfig(vocabulary_size=1000, dim=16).combiner
    'mean'
    """

    vocabulary_size: int
    dim: int
    initializer: Any = None
    optimizer: Any = None
    combiner: str = "mean"
    name: str | None = None


@dataclass(eq=False)
class FeatureConfig:
    """A feature that is looked up in a table.

    Args:
        table: the table; several features may have the same.
        max_sequence_length: where positive, a ragged or sparse feature gives its vectors one by
            one, cut or filled with zeros to this length, instead of combined.
        validate_weights_and_indices: taken and not needed: wrong ids are always an error.
        output_shape: the shape that the batch of a ragged feature is brought to.
        name: the name of the feature.

    >>> table = TableConfig(vocabulary_size=1000, dim=16)
    >>> FeatureConfig(table=table).max_sequence_length
    0
    """

    table: Any
    max_sequence_length: int = 0
    validate_weights_and_indices: bool = True
    output_shape: Sequence[int] | None = None
    name: str | None = None


def table_initializer(table: Any) -> Any:
    """The Keras initializer of a table."""
    given = table.initializer
    if given is None:
        return keras.initializers.TruncatedNormal(0.0, 1 / math.sqrt(table.dim))
    if not isinstance(given, str | dict | keras.initializers.Initializer):
        # Those of tf.tpu are no Keras objects, but have the names and arguments of these.
        match = getattr(keras.initializers, type(given).__name__, None)
        if match is not None and hasattr(given, "get_config"):
            config = {k: v for k, v in given.get_config().items() if k != "dtype"}
            # Keras' constant is one number, that of tf.tpu may be all of a table: a callable then.
            if np.ndim(config.get("value", 0)) == 0:
                return match.from_config(config)
    try:
        return keras.initializers.get(given)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"The table {table.name!r} expected a Keras initializer, its name or a callable; "
            f"received {given!r}. {error}"
        ) from error


def output_shape(feature: Any) -> tuple[int, ...] | None:
    """The shape that a feature asks for; in ``tf.tpu`` a shape of no rank asks for none."""
    shape = feature.output_shape
    return None if shape is None or getattr(shape, "rank", 0) is None else tuple(shape)

"""Which feature is looked up in which table."""

from __future__ import annotations

from typing import Any

import keras

from shortlist.errors import ConfigError, nearest
from shortlist.layers.table_config import (
    FeatureConfig,
    TableConfig,
    output_shape,
    table_initializer,
)
from shortlist.layers.table_optimizer import table_optimizer

__all__ = ["FeaturePlan", "layer_arguments", "layer_config"]

_COMBINERS = ("mean", "sum", "sqrtn")


class FeaturePlan:
    """A nest of feature configurations, taken apart.

    Attributes:
        config: as it was given.
        features: the configuration at each path of the nest.
        tables: each table once, in the order of first use.
        places: the place of its table, for each path.
    """

    def __init__(self, config: Any, tables: list[Any] | None = None) -> None:
        self.config = config
        self.features: dict[tuple[Any, ...], Any] = {}
        self.places: dict[tuple[Any, ...], int] = {}
        self.tables: list[Any] = list(tables or [])
        for path, feature in keras.tree.flatten_with_path(config):
            _check(path, feature)
            if not any(feature.table is table for table in self.tables):
                if tables is not None:
                    raise ConfigError(
                        f"The table {feature.table!r} of a serving_config is none of those the "
                        "layer was made with. Use the same TableConfig objects."
                    )
                self.tables.append(feature.table)
            place = next(i for i, table in enumerate(self.tables) if feature.table is table)
            self.features[path], self.places[path] = feature, place
        if not self.features:
            raise ConfigError("feature_config expected at least one FeatureConfig; received none.")

    def serving(self, config: Any) -> FeaturePlan:
        """Other features in the same tables."""
        return FeaturePlan(config, self.tables)

    def to_config(self) -> dict[str, Any]:
        """Numbers and texts that `from_config` reads."""
        nest = keras.tree.pack_sequence_as(self.config, list(range(len(self.features))))
        return {
            "tables": [_table_config(table) for table in self.tables],
            "features": [_feature_config(f, self.places[p]) for p, f in self.features.items()],
            "nest": keras.saving.serialize_keras_object(nest),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FeaturePlan:
        """The plan that `to_config` described, with tables of its own."""
        tables = [_table(table) for table in config["tables"]]
        features = [
            FeatureConfig(**{**feature, "table": tables[feature["table"]]})
            for feature in config["features"]
        ]
        nest = keras.saving.deserialize_keras_object(config["nest"])
        return cls(keras.tree.map_structure(lambda place: features[place], nest))


def layer_config(plan: FeaturePlan, optimizer: Any) -> dict[str, Any]:
    """The part of a layer's configuration that says what is looked up and how it is trained."""
    return {
        "feature_config": plan.to_config(),
        "optimizer": None if optimizer is None else keras.optimizers.serialize(optimizer),
    }


def layer_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """A layer's arguments from its configuration, of which `layer_config` is a part."""
    return {
        **config,
        "feature_config": FeaturePlan.from_config(config["feature_config"]).config,
        "optimizer": _optimizer(config["optimizer"]),
    }


def _check(path: tuple[Any, ...], feature: Any) -> None:
    name = ".".join(map(str, path)) or "feature_config"
    table = getattr(feature, "table", None)
    if table is None or not hasattr(table, "vocabulary_size"):
        raise ConfigError(
            f"{name!r} expected a FeatureConfig with a TableConfig; received {feature!r}."
        )
    if table.combiner not in _COMBINERS:
        raise ConfigError(
            f"The table {table.name!r} expected combiner to be one of {', '.join(_COMBINERS)}; "
            f"received {table.combiner!r}.{nearest(str(table.combiner), _COMBINERS)}"
        )


def _table_config(table: Any) -> dict[str, Any]:
    optimizer = table_optimizer(table.optimizer)
    return {
        "vocabulary_size": table.vocabulary_size,
        "dim": table.dim,
        "initializer": keras.initializers.serialize(table_initializer(table)),
        "optimizer": None if optimizer is None else keras.optimizers.serialize(optimizer),
        "combiner": table.combiner,
        "name": table.name,
    }


def _table(config: dict[str, Any]) -> TableConfig:
    return TableConfig(
        **{
            **config,
            "initializer": keras.initializers.deserialize(config["initializer"]),
            "optimizer": _optimizer(config["optimizer"]),
        }
    )


def _optimizer(config: dict[str, Any] | None) -> Any:
    # A copy, for Keras changes what it reads.
    return None if config is None else keras.optimizers.deserialize(dict(config))


def _feature_config(feature: Any, place: int) -> dict[str, Any]:
    shape = output_shape(feature)
    return {
        "table": place,
        "max_sequence_length": feature.max_sequence_length,
        "validate_weights_and_indices": feature.validate_weights_and_indices,
        "output_shape": None if shape is None else list(shape),
        "name": feature.name,
    }

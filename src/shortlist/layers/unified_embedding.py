"""`UnifiedEmbedding`: many features multiplexed into a few shared tables by hashing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError, DataError, nearest
from shortlist.layers._strong_hash import strong_hash
from shortlist.layers.table_config import FeatureConfig, TableConfig
from shortlist.layers.tpu_embedding import TPUEmbedding

__all__ = ["UnifiedEmbedding", "UnifiedEmbeddingConfig"]


class UnifiedEmbeddingConfig:
    """Which features are multiplexed, and into how many tables.

    Args:
        buckets_per_table: the number of rows of each table.
        dim_per_table: the length of a vector of a table; a feature has a multiple of it.
        num_tables: how many tables there are.
        name: the first part of the names of the tables.
        **kwargs: ``initializer``, ``optimizer`` and ``combiner`` of the tables (`TableConfig`).

    Raises:
        ConfigError: a size is not positive, or a feature is added twice.

    >>> config = UnifiedEmbeddingConfig(1000, 8, num_tables=2, name="all")
    >>> config.add_feature("city", 3)
    >>> sorted(config.embedding_config["city"])
    ['all_city_lookup_0', 'all_city_lookup_1', 'all_city_lookup_2']
    """

    def __init__(
        self,
        buckets_per_table: int,
        dim_per_table: int,
        num_tables: int,
        name: str,
        **kwargs: Any,
    ) -> None:
        sizes = {
            "buckets_per_table": buckets_per_table,
            "dim_per_table": dim_per_table,
            "num_tables": num_tables,
        }
        for label, size in sizes.items():
            if size < 1:
                raise ConfigError(f"{label} expected an integer of at least 1; received {size!r}.")
        self._arguments = {**sizes, "name": name, **kwargs}
        self._added: list[dict[str, Any]] = []
        self._next = 0
        self._tables = [
            TableConfig(buckets_per_table, dim_per_table, name=f"{name}_{i}", **kwargs)
            for i in range(num_tables)
        ]
        self._embedding: dict[str, dict[str, FeatureConfig]] = {}
        self._hashing: dict[str, dict[str, dict[str, Any]]] = {}

    def add_feature(self, name: str, num_chunks: int, **kwargs: Any) -> None:
        """Add a feature.

        Args:
            name: of the feature in the dict that the layer is called with.
            num_chunks: how many vectors it is made of, each from the next table: its embedding has
                ``num_chunks * dim_per_table`` numbers.
            **kwargs: further arguments of `FeatureConfig`.
        """
        if name in self._embedding or num_chunks < 1:
            raise ConfigError(
                f"add_feature expected a new name and at least one chunk; received {name!r} and "
                f"{num_chunks!r}."
            )
        first = self._arguments["name"]
        chunks = [f"{first}_{name}_lookup_{i}" for i in range(num_chunks)]
        place = len(self._added)
        self._hashing[name] = {
            chunk: {"num_bins": self._arguments["buckets_per_table"], "salt": [place, i]}
            for i, chunk in enumerate(chunks)
        }
        self._embedding[name] = {}
        for chunk in chunks:
            table = self._tables[self._next % len(self._tables)]
            self._embedding[name][chunk] = FeatureConfig(table, name=chunk, **kwargs)
            self._next += 1
        self._added.append({"name": name, "num_chunks": num_chunks, **kwargs})

    @property
    def buckets_per_table(self) -> int:
        """The number of rows of each table."""
        return int(self._arguments["buckets_per_table"])

    @property
    def embedding_config(self) -> dict[str, dict[str, FeatureConfig]]:
        """The configuration of each chunk of each feature."""
        return self._embedding

    @property
    def hashing_config(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The number of buckets and the salt of each chunk of each feature."""
        return self._hashing

    def get_config(self) -> dict[str, Any]:
        """Numbers and texts that `from_config` reads."""
        return {
            "arguments": keras.saving.serialize_keras_object(dict(self._arguments)),
            "features": keras.saving.serialize_keras_object(list(self._added)),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> UnifiedEmbeddingConfig:
        """An equal configuration."""
        made = cls(**keras.saving.deserialize_keras_object(config["arguments"]))
        for feature in keras.saving.deserialize_keras_object(config["features"]):
            made.add_feature(**feature)
        return made


@keras.saving.register_keras_serializable(package="shortlist")
class UnifiedEmbedding(keras.layers.Layer):
    """Embeds features by hashing each into several rows of tables that all of them share.

    Every chunk of a feature has a hash of its own, so two ids, or two features, seldom share all
    their rows. Buckets are those of `keras.layers.Hashing` with the same salt, on every backend.

    Args:
        config: which features there are.
        optimizer: of the tables, as `shortlist.layers.TPUEmbedding` takes it.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        features: a dict with at least the configured features: integers of at least 0, or strings
            on TensorFlow. Dense ``[...]``, or on TensorFlow ragged or sparse, whose lists are
            combined.

    Returns:
        A list of ``[..., num_chunks * dim_per_table]``, in the order the features were added.

    Raises:
        DataError: a feature is missing or is no integer or string.

    Reference: Coleman et al. 2023, "Unified Embedding: Battle-Tested Feature Representations for
    Web-Scale ML Systems".

    >>> import numpy as np
    >>> config = UnifiedEmbeddingConfig(1000, 8, num_tables=2, name="all")
    >>> config.add_feature("city", 3)
    >>> layer = UnifiedEmbedding(config, "sgd")
    >>> [tuple(x.shape) for x in layer({"city": np.array([5, 7])})]
    [(2, 24)]
    """

    def __init__(self, config: UnifiedEmbeddingConfig, optimizer: Any, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self._settings = config
        self._embedding_layer = TPUEmbedding(config.embedding_config, optimizer)

    def build(self, input_shape: Any = None) -> None:
        """Create the tables."""
        del input_shape
        self._embedding_layer.build()
        self.built = True

    def call(self, features: Mapping[str, Any]) -> list[Any]:
        """Hash, look up and join the chunks."""
        hashed = {name: self._hashed(name, features) for name in self._settings.hashing_config}
        found = self._embedding_layer(hashed)
        return [
            ops.concatenate([found[name][chunk] for chunk in sorted(chunks)], axis=-1)
            for name, chunks in hashed.items()
        ]

    def _hashed(self, name: str, features: Mapping[str, Any]) -> dict[str, Any]:
        if name not in features:
            raise DataError(
                f"{self.name!r} expected the feature {name!r}; received {sorted(features)}."
                f"{nearest(name, features)}"
            )
        chunks = self._settings.hashing_config[name]
        bins = self._settings.buckets_per_table
        salts = [chunk["salt"] for chunk in chunks.values()]
        return dict(zip(chunks, strong_hash(features[name], bins, salts), strict=True))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "config": self._settings.get_config(),
            "optimizer": self._embedding_layer.get_config()["optimizer"],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> UnifiedEmbedding:
        """The layer of a configuration."""
        config = dict(config)
        config["config"] = UnifiedEmbeddingConfig.from_config(config["config"])
        if config["optimizer"] is not None:
            # A copy, for Keras changes what it reads.
            config["optimizer"] = keras.optimizers.deserialize(dict(config["optimizer"]))
        return cls(**config)

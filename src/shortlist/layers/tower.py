"""`Tower`: encoded features in, one vector out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError, SchemaError, nearest
from shortlist.features import FeatureInfo
from shortlist.layers.embedding import Embedding
from shortlist.layers.history import HistoryPooling

__all__ = ["Tower"]


@keras.saving.register_keras_serializable(package="shortlist")
class Tower(keras.layers.Layer):
    """Embeds every feature and adds the vectors up, then (optionally) an MLP on top of the sum.

    A sum lets each feature speak for itself: an unknown user is what remains when the user's own
    vector is the one of code 0, and a history alone is a query. Categorical features are rows of a
    table, multi-valued ones the sum of their rows over the root of their number, a history is
    pooled by recency (`HistoryPooling`), and all numbers and given vectors go through one linear
    layer.

    Args:
        features: what `Encoder.describe()` returns: name -> `FeatureInfo`.
        embedding_dim: the length ``D`` of the vectors.
        history: the multi-valued feature that is an ordered history, if any.
        recency: weigh the history by recency.
        unknown_rate: name of a categorical feature -> the share of a training batch in which its
            code is replaced by 0, so that the tower learns what to say without it.
        hidden_units: the hidden layers of an MLP whose output is added to the sum.
        dropout: on the sum, in training.

    Call arguments:
        features: name -> array; categorical ``[B]``, multi-valued ``[B, L]``, numeric ``[B]``,
            vector ``[B, dim]``. Others than those in ``features`` are ignored.

    Returns:
        ``[B, D]``.

    Raises:
        SchemaError: a feature is missing in a call.
        ConfigError: ``history`` or a key of ``unknown_rate`` is not among ``features``.
    """

    def __init__(
        self,
        features: Mapping[str, FeatureInfo | Mapping[str, Any]],
        embedding_dim: int = 64,
        *,
        history: str | None = None,
        recency: bool = True,
        unknown_rate: Mapping[str, float] | None = None,
        hidden_units: tuple[int, ...] = (),
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.features = {name: _info(info) for name, info in features.items()}
        self.embedding_dim = embedding_dim
        self.history = history
        self.recency = recency
        self.unknown_rate = dict(unknown_rate or {})
        self.hidden_units = tuple(hidden_units)
        self.dropout = dropout
        for name in [*self.unknown_rate, *([history] if history else [])]:
            if name not in self.features:
                raise ConfigError(
                    f"The tower has no feature {name!r}; it has {sorted(self.features)}."
                    f"{nearest(name, self.features)}"
                )
        self._make_layers()

    def _make_layers(self) -> None:
        initializer = keras.initializers.RandomNormal(stddev=0.05)

        def pooled(name: str) -> bool:
            return self.features[name].kind == "multi" and name != self.history

        self.tables = {
            name: Embedding(
                info.size or 0,
                self.embedding_dim,
                combiner="sqrtn" if pooled(name) else None,
                mask_zero=pooled(name),
                embeddings_initializer=keras.initializers.RandomNormal(stddev=0.05),
                # PyTorch keeps weights under their names, which may hold no dot there.
                name=f"{name}_embedding".replace(".", "_"),
            )
            for name, info in self.features.items()
            if info.kind in ("categorical", "multi")
        }
        self.numbers = [n for n, i in self.features.items() if i.kind in ("numeric", "vector")]
        if self.numbers:
            self.linear = keras.layers.Dense(
                self.embedding_dim, use_bias=False, kernel_initializer=initializer, name="linear"
            )
        if self.history is not None:
            length = self.features[self.history].length or 1
            self.pooling = HistoryPooling(length, recency=self.recency, name="pooling")
        self.hidden = [keras.layers.Dense(n, activation="relu") for n in self.hidden_units]
        if self.hidden:
            self.output_layer = keras.layers.Dense(self.embedding_dim)
        self.dropping = keras.layers.Dropout(self.dropout)
        self.seeds = keras.random.SeedGenerator()

    def build(self, input_shape: Any = None) -> None:
        """Create the weights of every part."""
        del input_shape
        for table in self.tables.values():
            if not table.built:
                table.build(())
        if self.numbers:
            width = sum(self.features[n].dim or 1 for n in self.numbers)
            self.linear.build((None, width))
        if self.history is not None:
            self.pooling.build(())
        width = self.embedding_dim
        for layer in self.hidden:
            layer.build((None, width))
            width = layer.units
        if self.hidden:
            self.output_layer.build((None, width))
        self.built = True

    def call(self, features: Mapping[str, Any], training: bool = False) -> Any:
        """Embed a batch."""
        self._check(features)
        parts = [self._embed(name, features[name], training) for name in self.tables]
        if self.numbers:
            parts.append(self.linear(self._numbers(features)))
        total = sum(parts[1:], start=parts[0])
        if self.hidden:
            deep = self.dropping(total, training=training)
            for layer in self.hidden:
                deep = layer(deep)
            total = total + self.output_layer(deep)
        return self.dropping(total, training=training)

    def _embed(self, name: str, codes: Any, training: bool) -> Any:
        codes = ops.cast(codes, "int32")
        rate = self.unknown_rate.get(name, 0.0)
        if training and rate:
            kept = keras.random.uniform(ops.shape(codes), seed=self.seeds) >= rate
            codes = codes * ops.cast(kept, "int32")
        if name == self.history:
            return self.pooling(self.tables[name](codes), mask=codes > 0)
        return self.tables[name](codes)

    def _numbers(self, features: Mapping[str, Any]) -> Any:
        columns = []
        for name in self.numbers:
            values = ops.cast(features[name], self.compute_dtype)
            columns.append(values if self.features[name].kind == "vector" else values[:, None])
        return ops.concatenate(columns, axis=-1)

    def _check(self, features: Mapping[str, Any]) -> None:
        for name in self.features:
            if name not in features:
                raise SchemaError(
                    f"The tower expected the feature {name!r} in its input; received "
                    f"{sorted(features)}.{nearest(name, features)}"
                )

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "features": {name: dataclasses.asdict(info) for name, info in self.features.items()},
            "embedding_dim": self.embedding_dim,
            "history": self.history,
            "recency": self.recency,
            "unknown_rate": self.unknown_rate,
            "hidden_units": list(self.hidden_units),
            "dropout": self.dropout,
        }


def _info(info: FeatureInfo | Mapping[str, Any]) -> FeatureInfo:
    return info if isinstance(info, FeatureInfo) else FeatureInfo(**info)

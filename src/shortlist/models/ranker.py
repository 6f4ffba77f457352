"""`Ranker`: features of a user, an item and their meeting to one score."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, SchemaError, nearest
from shortlist.features import FeatureInfo
from shortlist.layers.cross import Cross
from shortlist.layers.embedding import Embedding
from shortlist.losses.listwise import listwise_softmax
from shortlist.models.base import Model
from shortlist.models.inference import in_blocks

__all__ = ["Ranker"]

Features = Mapping[str, Any]
Loss = Literal["listwise", "binary", "squared"]
_LOSSES = ("listwise", "binary", "squared")


@keras.saving.register_keras_serializable(package="shortlist")
class Ranker(Model):
    """Embeds the categories, sets numbers beside them, crosses them if asked, then an MLP.

    It scores single meetings, features ``[B]``, as well as lists of them, ``[B, L]``: all features
    of a call have the same leading shape and the scores have it too.

    Args:
        features: what an encoder's ``describe()`` returns; also made by hand, as
            ``{"score": FeatureInfo("numeric")}``.
        loss: ``"listwise"`` softmax over lists ``[B, L]`` whose labels are gains (negative: no
            item), ``"binary"`` cross-entropy for labels 0 and 1, or ``"squared"`` for ratings.
        label: the name of the labels in a batch.
        embedding_dim: the length of the vectors of categories.
        cross_layers: how many `Cross` layers stand before the MLP (DCN-v2, stacked).
        hidden_units: the MLP's layers.
        dropout: after each of them, and on the vectors, in training.
        initial: what it says before it has learned, such as the mean rating.

    A batch for ``fit`` is a dict of the features, the label and optionally ``sample_weight``
    ``[B]``.

    Raises:
        ConfigError: the loss is unknown.
        SchemaError: a feature or the label is missing in a batch.
    """

    def __init__(
        self,
        features: Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        loss: Loss = "binary",
        label: str = "label",
        embedding_dim: int = 16,
        cross_layers: int = 0,
        hidden_units: tuple[int, ...] = (64, 32),
        dropout: float = 0.1,
        initial: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if loss not in _LOSSES:
            raise ConfigError(
                f"loss expected one of {_LOSSES}; received {loss!r}.{nearest(str(loss), _LOSSES)}"
            )
        self.features = {
            name: info if isinstance(info, FeatureInfo) else FeatureInfo(**info)
            for name, info in features.items()
        }
        self.loss_name = loss
        self.label = label
        self.embedding_dim = embedding_dim
        self.cross_layers = cross_layers
        self.hidden_units = tuple(hidden_units)
        self.dropout = dropout
        self.initial = initial
        self._make_layers()

    def _make_layers(self) -> None:
        self.tables = {
            name: Embedding(
                info.size or 0,
                self.embedding_dim,
                combiner="sqrtn" if info.kind == "multi" else None,
                mask_zero=info.kind == "multi",
                embeddings_initializer=keras.initializers.RandomNormal(stddev=0.05),
                name=f"{name}_embedding",
            )
            for name, info in self.features.items()
            if info.kind in ("categorical", "multi")
        }
        self.numbers = [n for n, i in self.features.items() if i.kind in ("numeric", "vector")]
        self.crosses = [Cross(name=f"cross_{n}") for n in range(self.cross_layers)]
        self.hidden = [
            keras.layers.Dense(units, activation="relu", name=f"hidden_{n}")
            for n, units in enumerate(self.hidden_units)
        ]
        self.dropping = keras.layers.Dropout(self.dropout)
        # It begins by saying the same of everything, and so does not undo a good order at once.
        self.output_layer = keras.layers.Dense(
            1,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(self.initial),
            name="score",
        )

    @property
    def width(self) -> int:
        """How many numbers go into the first layer."""
        numbers = sum(self.features[name].dim or 1 for name in self.numbers)
        return len(self.tables) * self.embedding_dim + numbers

    def build(self, input_shape: Any = None) -> None:
        """Create every weight; the features' descriptions say all that is needed."""
        del input_shape
        self.build_all()

    def build_all(self) -> None:
        """Create every weight without a batch, to count or to load them."""
        if self.built:
            return
        for table in self.tables.values():
            table.build(())
        width = self.width
        for cross in self.crosses:
            cross.build((None, width))
        for layer in self.hidden:
            layer.build((None, width))
            width = layer.units
        self.output_layer.build((None, width))
        self.built = True

    def call(self, features: Features, training: bool = False) -> Any:
        """The scores, of the leading shape of the features."""
        for name in self.features:
            if name not in features:
                raise SchemaError(
                    f"The ranker expected the feature {name!r} in its input; received "
                    f"{sorted(features)}.{nearest(name, features)}"
                )
        parts = [
            self.dropping(table(ops.cast(features[name], "int32")), training=training)
            for name, table in self.tables.items()
        ]
        for name in self.numbers:
            values = ops.cast(features[name], self.compute_dtype)
            parts.append(values if self.features[name].kind == "vector" else values[..., None])
        x = x0 = ops.concatenate(parts, axis=-1)
        for cross in self.crosses:
            x = cross(x0, x)
        for layer in self.hidden:
            x = self.dropping(layer(x), training=training)
        return ops.squeeze(self.output_layer(x), axis=-1)

    def compute_loss(self, features: Features, training: bool = False) -> Any:
        """The loss of a batch, a mean over its examples or lists."""
        if self.label not in features:
            raise SchemaError(
                f"The ranker expected the label {self.label!r} in a batch; received "
                f"{sorted(features)}.{nearest(self.label, features)}"
            )
        labels = features[self.label]
        scores = self(features, training=training)
        weight = features.get("sample_weight")
        if self.loss_name == "listwise":
            return listwise_softmax(labels, scores, sample_weight=weight)
        labels = ops.cast(labels, scores.dtype)
        if self.loss_name == "squared":
            return _mean(ops.square(labels - scores), weight)
        # max(z, 0) - z y + log(1 + exp(-|z|)): the cross-entropy that does not overflow.
        entropy = ops.maximum(scores, 0) - scores * labels + ops.log1p(ops.exp(-ops.abs(scores)))
        return _mean(entropy, weight)

    def score(self, features: Features) -> np.ndarray:
        """The scores of NumPy features of any number of rows, as float32, in blocks."""
        return in_blocks(self, {name: np.asarray(features[name]) for name in self.features})

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "name": self.name,
            "features": {name: dataclasses.asdict(info) for name, info in self.features.items()},
            "loss": self.loss_name,
            "label": self.label,
            "embedding_dim": self.embedding_dim,
            "cross_layers": self.cross_layers,
            "hidden_units": list(self.hidden_units),
            "dropout": self.dropout,
            "initial": self.initial,
        }


def _mean(values: Any, weight: Any) -> Any:
    if weight is None:
        return ops.mean(values)
    weights = ops.cast(weight, values.dtype) * ops.ones_like(values)
    total = ops.sum(weights)
    return ops.sum(weights * values) / ops.where(total > 0, total, 1)

"""`Ranker`: features of a user, an item and their meeting to one score."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, SchemaError, nearest
from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.mlp import MLP
from shortlist.losses.listwise import softmax_loss
from shortlist.models.base import Model
from shortlist.models.inference import in_blocks
from shortlist.models.inputs import (
    Features,
    Inputs,
    described,
    flattened,
    leading_axes,
    refuse_labels,
    refuse_nan,
    table_for,
)

__all__ = ["Ranker"]

Loss = Literal["listwise", "binary", "squared"]
_LOSSES = ("listwise", "binary", "squared")


@keras.saving.register_keras_serializable(package="shortlist")
class Ranker(Model):
    """Embeds the categories, sets numbers beside them, and scores them with an MLP.

    It is also what the other rankers are made of: they share its constructor, its losses, its
    input checks and `score`, and replace the MLP (see `logits`).

    It scores single meetings, features ``[B]``, as well as lists of them, ``[B, L]``: all features
    of a call have the same leading shape and the scores have it too.

    Args:
        features: a fitted `Encoder` or what its ``describe()`` returns; also made by hand, as
            ``{"score": FeatureInfo("numeric")}``.
        loss: ``"listwise"`` softmax over lists ``[B, L]`` whose labels are gains (negative: no
            item), ``"binary"`` cross-entropy for labels 0 and 1, or ``"squared"`` for ratings.
        label: the name of the labels in a batch.
        embedding_dim: the length of the vectors of categories.
        hidden_units: the MLP's layers.
        dropout: after each of them, and on the vectors, in training.
        initial: what it says before it has learned, such as the mean rating.

    A batch for ``fit`` is a dict of the features, the label and optionally ``sample_weight``
    ``[B]``.

    Raises:
        ConfigError: the loss is unknown, or there is no feature.
        SchemaError: a feature or the label is missing in a batch.
        DataError: a feature is of another shape or type than described, or holds NaN.

    >>> from shortlist.features import Categorical, Encoder, Numeric
    >>> clicks = {"item": ["a", "b", "a", "b"], "price": [1.0, 2.0, 1.5, 2.5]}
    >>> encoder = Encoder([Categorical("item"), Numeric("price")]).fit(clicks)
    >>> ranker = Ranker(encoder, embedding_dim=4, hidden_units=(8,))
    >>> ranker.compile("adam")
    >>> batch = encoder.transform(clicks) | {"label": np.array([1, 0, 1, 0], "float32")}
    >>> history = ranker.fit(batch, epochs=2, verbose=0)
    >>> ranker.score(encoder.transform({"item": ["a", "new"], "price": [1.0, None]})).shape
    (2,)
    """

    #: Whether there is a table of vectors for each feature with codes, and an MLP with an output.
    _has_vectors = True
    _has_head = True
    #: Whether a label that is NaN is one that is missing.
    _has_missing_labels = False
    #: The shape of what is said of one meeting.
    _answer_shape: tuple[int, ...] = ()

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        loss: Loss = "binary",
        label: str = "label",
        embedding_dim: int = 16,
        hidden_units: Sequence[int] = (64, 32),
        dropout: float = 0.1,
        initial: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if loss not in _LOSSES:
            raise ConfigError(
                f"loss expected one of {_LOSSES}; received {loss!r}.{nearest(str(loss), _LOSSES)}"
            )
        self.features = described(features)
        self.loss_name = loss
        self.label = label
        self.embedding_dim = embedding_dim
        self.hidden_units = tuple(hidden_units)
        self.dropout = dropout
        self.initial = initial
        self.numbers = [n for n, i in self.features.items() if i.kind in ("numeric", "vector")]
        self._make_layers()

    def _make_layers(self) -> None:
        self.tables = {
            name: table_for(
                self.features[name],
                self.embedding_dim,
                keras.initializers.RandomNormal(stddev=0.05),
                f"{name}_embedding",
            )
            for name in self._with_tables()
        }
        self.dropping = keras.layers.Dropout(self.dropout)
        if self._has_head:
            self.hidden = self._mlp(self.hidden_units)
            # It begins by saying the same of everything, and so does not undo a good order at once.
            self.output_layer = keras.layers.Dense(1, kernel_initializer="zeros", name="score")

    def _with_tables(self) -> list[str]:
        """The features with codes that have a table of vectors of their own."""
        coded = [name for name, i in self.features.items() if i.kind in ("categorical", "multi")]
        return coded if self._has_vectors else []

    def _mlp(self, units: Sequence[int], name: str = "hidden") -> Any:
        """Hidden layers, or nothing where there are no units."""
        if not units:
            return keras.layers.Identity(name=name)
        return MLP(units, final_activation="relu", dropout=self.dropout, name=name)

    @property
    def number_dims(self) -> list[int]:
        """The width of each numeric or vector feature, in the order they stand in `Inputs`."""
        return [self.features[name].dim or 1 for name in self.numbers]

    @property
    def blocks(self) -> dict[str, int]:
        """The features in the order of ``Inputs.flat``, and how many of its numbers each has."""
        vectors = dict.fromkeys(self._vector_names(), self.embedding_dim)
        return vectors | dict(zip(self.numbers, self.number_dims, strict=True))

    def _vector_names(self) -> list[str]:
        return [*self.tables]

    def build(self, input_shape: Any = None) -> None:
        """Create every weight; the features' descriptions say all that is needed."""
        del input_shape
        self.build_all()

    def build_all(self) -> None:
        """Create every weight without a batch, to count or to load them."""
        if not self.built:
            self.built = True
            _Scoring(self)({name: _symbol(info) for name, info in self.features.items()})

    def get_build_config(self) -> dict[str, Any] | None:
        """What `build_from_config` needs, for Keras' saving."""
        return super().get_build_config() or {"all": True}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Create the variables of all layers as a saved model had them."""
        self.build_all()
        if "features" in config:
            super().build_from_config(config)

    def call(self, features: Features, training: bool = False) -> Any:
        """The scores, of the leading shape of the features."""
        del training  # Keras hands it down to the layers by itself.
        flat, lead = flattened(self.features, features)
        logits = self.logits(self._inputs(flat))
        # The score is a sum of many terms and what losses are made of: never in half precision.
        return self._shaped(ops.cast(logits, self.variable_dtype) + self.initial, lead)

    def _shaped(self, logits: Any, lead: tuple[Any, ...]) -> Any:
        return ops.reshape(logits, (-1, *lead[1:]))

    def _inputs(self, flat: Mapping[str, Any]) -> Inputs:
        coded = {n: flat[n] for n, i in self.features.items() if i.kind in ("categorical", "multi")}
        vectors = self._vectors(coded)
        numbers = [
            values if self.features[name].kind == "vector" else values[:, None]
            for name, values in ((n, ops.cast(flat[n], self.compute_dtype)) for n in self.numbers)
        ]
        return Inputs(
            self.dropping(ops.stack(vectors, axis=1)) if vectors else None,
            ops.concatenate(numbers, axis=-1) if numbers else None,
            coded,
        )

    def _vectors(self, codes: Mapping[str, Any]) -> list[Any]:
        """The vectors ``[N, D]`` of the features with codes."""
        return [table(codes[name]) for name, table in self.tables.items()]

    def logits(self, inputs: Inputs) -> Any:
        """The scores ``[N, 1]`` of what was read; every kind of ranker writes its own."""
        return self.head(self.hidden(inputs.flat))

    def head(self, hidden: Any) -> Any:
        """The score ``[N, 1]`` of hidden numbers ``[N, H]``, by the output layer."""
        return self.output_layer(self.dropping(hidden) if self.hidden_units else hidden)

    def compute_loss(self, features: Features, training: bool = False) -> Any:
        """The loss of a batch, a mean over its examples or lists."""
        labels = self._labels(features, self.label)
        scores = self(features, training=training)
        weight = features.get("sample_weight")
        if self.loss_name == "listwise":
            return softmax_loss(labels, scores, sample_weight=weight)
        labels = ops.cast(labels, scores.dtype)
        if self.loss_name == "squared":
            return _mean(ops.square(labels - scores), weight)
        # max(z, 0) - z y + log(1 + exp(-|z|)): the cross-entropy that does not overflow.
        entropy = ops.maximum(scores, 0) - scores * labels + ops.log1p(ops.exp(-ops.abs(scores)))
        return _mean(entropy, weight)

    @property
    def label_losses(self) -> dict[str, str]:
        """The loss of each name that a batch holds labels under."""
        return {self.label: self.loss_name}

    def _labels(self, features: Features, name: str) -> Any:
        if name not in features:
            raise SchemaError(
                f"The ranker expected the label {name!r} in a batch; received "
                f"{sorted(features)}.{nearest(name, features)}"
            )
        return features[name]

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train as Keras does; features and labels in memory are checked first.

        Raises:
            DataError: a number is NaN or infinite, or a label is none that the loss can take.
        """
        refuse_nan(self.features, x)
        refuse_labels(self.label_losses, x, missing=self._has_missing_labels)
        return super().fit(x, *args, **kwargs)

    def score(self, features: Features) -> np.ndarray:
        """The scores of NumPy features of any number of rows, as float32, in blocks.

        Raises:
            SchemaError: a feature is missing, or is none that the ranker was made for.
            DataError: a feature is of another shape or type than described, or holds NaN.
        """
        known = [*self.features, *self.label_losses, "sample_weight"]
        for name in features:
            if name not in known:
                raise SchemaError(
                    f"The ranker received the feature {name!r}, which it was not made for; it knows"
                    f" {[*self.features]}.{nearest(name, self.features)} Leave it out, or fit the "
                    "Encoder and the ranker with it."
                )
        arrays = {name: np.asarray(features[name]) for name in self.features if name in features}
        axes = leading_axes(self.features, arrays)
        refuse_nan(self.features, arrays)
        lead = next(iter(arrays.values())).shape[:axes]
        if 0 in lead:  # no rows, or lists of no places
            return np.zeros((*lead, *self._answer_shape), dtype=np.float32)
        return in_blocks(self.answers, arrays)

    def answers(self, features: Features) -> Any:
        """What `score` says of a block of rows."""
        return self(features)

    def probabilities(self, features: Features) -> np.ndarray:
        """What `score` says, as probabilities of the label 1.

        Raises:
            ConfigError: the loss is not "binary", so that the scores are no log-odds.
        """
        if self.loss_name != "binary":
            raise ConfigError(
                "probabilities() expected a ranker trained with loss='binary'; received "
                f"loss={self.loss_name!r}. Use score()."
            )
        return (0.5 * (1.0 + np.tanh(0.5 * self.score(features)))).astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "name": self.name,
            "features": {name: dataclasses.asdict(info) for name, info in self.features.items()},
            "loss": self.loss_name,
            "label": self.label,
            "embedding_dim": self.embedding_dim,
            "hidden_units": list(self.hidden_units),
            "dropout": self.dropout,
            "initial": self.initial,
        }


class _Scoring(keras.layers.Layer):
    """Follows a ranker's ``call`` on symbols, so that its layers create their weights."""

    def __init__(self, ranker: Ranker) -> None:
        # Weights are called after it, and TensorFlow exports none whose name begins with "_".
        super().__init__(name=ranker.name, dtype="float32", autocast=False)
        self.__dict__["_ranker"] = ranker  # not tracked: it is not part of this layer

    def call(self, features: Features) -> Any:
        return self.__dict__["_ranker"](features)


def _symbol(info: FeatureInfo) -> keras.KerasTensor:
    if info.kind in ("categorical", "multi"):
        # Where a feature has no fixed length any will do: no weight depends on it.
        tail: tuple[int, ...] = (info.length or 1,) if info.kind == "multi" else ()
        return keras.KerasTensor((None, *tail), "int32")
    return keras.KerasTensor((None, *((info.dim,) if info.kind == "vector" else ())), "float32")


def _mean(values: Any, weight: Any) -> Any:
    if weight is None:
        return ops.mean(values)
    weights = ops.cast(weight, values.dtype) * ops.ones_like(values)
    total = ops.sum(weights)
    return ops.sum(weights * values) / ops.where(total > 0, total, 1)

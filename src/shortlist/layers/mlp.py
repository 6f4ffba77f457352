"""`MLP`: dense layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras

from shortlist.errors import ConfigError, nearest

__all__ = ["MLP"]

Normalization = Literal["layer", "batch"]
_NORMALIZATIONS = {
    "layer": keras.layers.LayerNormalization,
    "batch": keras.layers.BatchNormalization,
}


@keras.saving.register_keras_serializable(package="shortlist")
class MLP(keras.layers.Layer):
    """A multi-layer perceptron: `Dense` layers of the sizes ``units``.

    Each layer but the last is dense, normalisation, activation, dropout, in this order.

    Args:
        units: the size of each layer, the last of which is the width of the output.
        use_bias: whether the layers have a bias.
        activation: of all layers but the last; a name, a callable or None.
        final_activation: of the last layer.
        dropout: the share of numbers left out after each layer but the last, in training.
        normalization: "layer", "batch" or None.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        x: ``[..., D]``.

    Returns:
        ``[..., units[-1]]``.

    Raises:
        ConfigError: ``units`` is empty or holds no positive integers, or the normalisation is
            unknown.

    >>> import numpy as np
    >>> MLP([8, 4, 1], final_activation="sigmoid")(np.ones((2, 3), "float32")).shape == (2, 1)
    True
    """

    def __init__(
        self,
        units: Sequence[int],
        use_bias: bool = True,
        activation: Any = "relu",
        final_activation: Any = None,
        dropout: float = 0.0,
        normalization: Normalization | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = tuple(units)
        if not self.units or not all(hasattr(n, "__index__") and n > 0 for n in self.units):
            raise ConfigError(
                f"MLP expected units to be a list of positive integers, such as [256, 64, 1]; "
                f"received {units!r}."
            )
        self.use_bias = use_bias
        self.activation = keras.activations.get(activation)
        self.final_activation = keras.activations.get(final_activation)
        if normalization not in (None, *_NORMALIZATIONS):
            raise ConfigError(
                f"MLP expected normalization to be None or one of {', '.join(_NORMALIZATIONS)}; "
                f"received {normalization!r}.{nearest(str(normalization), _NORMALIZATIONS)}"
            )
        self.dropout = dropout
        self.normalization = normalization
        policy = self.dtype_policy
        self.dense_layers = [
            keras.layers.Dense(size, use_bias=use_bias, dtype=policy) for size in self.units
        ]
        kind = None if normalization is None else _NORMALIZATIONS[normalization]
        self.norms = [] if kind is None else [kind(dtype=policy) for _ in self.units[:-1]]
        self.dropping = keras.layers.Dropout(dropout, dtype=policy) if dropout else None

    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs of width ``input_shape[-1]``."""
        shape = tuple(input_shape)
        for place, layer in enumerate(self.dense_layers):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
            if place < len(self.norms):
                self.norms[place].build(shape)
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        """Apply the layers in turn."""
        *hidden, last = self.dense_layers
        for place, layer in enumerate(hidden):
            x = layer(x)
            if self.norms:
                x = self.norms[place](x, training=training)
            x = self.activation(x)
            if self.dropping is not None:
                x = self.dropping(x, training=training)
        return self.final_activation(last(x))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of what ``call`` returns."""
        return (*input_shape[:-1], self.units[-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "units": list(self.units),
            "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
            "final_activation": keras.activations.serialize(self.final_activation),
            "dropout": self.dropout,
            "normalization": self.normalization,
        }

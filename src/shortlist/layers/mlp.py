"""`MLP`: dense layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from shortlist.errors import ConfigError

__all__ = ["MLP"]


@keras.saving.register_keras_serializable(package="shortlist")
class MLP(keras.layers.Layer):
    """A multi-layer perceptron: `Dense` layers of the sizes ``units``.

    Args:
        units: the size of each layer, the last of which is the width of the output.
        use_bias: whether the layers have a bias.
        activation: of all layers but the last; a name, a callable or None.
        final_activation: of the last layer.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        x: ``[..., D]``.

    Returns:
        ``[..., units[-1]]``.

    Raises:
        ConfigError: ``units`` is empty or holds no positive integers.

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
        activations = [self.activation] * (len(self.units) - 1) + [self.final_activation]
        self.dense_layers = [
            keras.layers.Dense(size, function, use_bias=use_bias, dtype=self.dtype_policy)
            for size, function in zip(self.units, activations, strict=True)
        ]

    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs of width ``input_shape[-1]``."""
        shape = tuple(input_shape)
        for layer in self.dense_layers:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def call(self, x: Any) -> Any:
        """Apply the layers in turn."""
        for layer in self.dense_layers:
            x = layer(x)
        return x

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
        }

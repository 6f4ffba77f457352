"""`InteractingAttention`: features that attend to each other (AutoInt)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers._masking import masked_softmax

__all__ = ["InteractingAttention"]


@keras.saving.register_keras_serializable(package="shortlist")
class InteractingAttention(keras.layers.Layer):
    r"""Multi-head self-attention over the fields of an example, with a residual.

    .. math:: \alpha^{h}_{m k} = \mathrm{softmax}_k \big( W_Q^h e_m \cdot W_K^h e_k \big), \qquad
              e'_m = \mathrm{relu}\Big( \big[\textstyle\sum_k \alpha^{h}_{m k} W_V^h e_k\big]_h
              + W_R e_m \Big)

    Each layer raises the order of the crosses that a field's vector may hold.

    Args:
        units: the width of a head.
        heads: how many there are.
        residual: whether ``W_R`` is there.
        scaled: divide the scores by the root of ``units``; the paper does not.
        kernel_initializer: of all matrices.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        inputs: ``[B, F, D]``, the vectors of ``F`` fields.
        mask: ``[B, F]`` bool, False at fields that nobody attends to; a Keras mask is used.

    Returns:
        ``[B, F, heads * units]``; zeros at fields that are masked.

    Raises:
        ConfigError: ``units`` or ``heads`` is not positive.

    Reference: Song et al. 2019, "AutoInt: Automatic Feature Interaction Learning via
    Self-Attentive Neural Networks".

    >>> import numpy as np
    >>> InteractingAttention(units=4, heads=2)(np.ones((3, 5, 6), "float32")).shape == (3, 5, 8)
    True
    """

    def __init__(
        self,
        units: int = 16,
        heads: int = 2,
        residual: bool = True,
        scaled: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1 or heads < 1:
            raise ConfigError(
                "InteractingAttention expected units and heads to be positive integers; received "
                f"units={units!r} and heads={heads!r}."
            )
        self.units = units
        self.heads = heads
        self.residual = residual
        self.scaled = scaled
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create the matrices for fields of width ``input_shape[-1]``."""
        names = ["query", "key", "value", *(["residual"] if self.residual else [])]
        self.kernels = {
            name: self.add_weight(
                name=f"{name}_kernel",
                shape=(input_shape[-1], self.heads * self.units),
                initializer=self.kernel_initializer.clone(),
            )
            for name in names
        }
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Let every field attend to all."""
        fields = inputs.shape[1]
        projected = {name: ops.matmul(inputs, kernel) for name, kernel in self.kernels.items()}
        query, key, value = (self._split(projected[n], fields) for n in ("query", "key", "value"))
        scores = ops.matmul(query, ops.swapaxes(key, 2, 3))
        if self.scaled:
            scores = scores / self.units**0.5
        weights = masked_softmax(scores, None if mask is None else mask[:, None, None, :])
        attended = ops.swapaxes(ops.matmul(weights, value), 1, 2)
        attended = ops.reshape(attended, (-1, fields, self.heads * self.units))
        if self.residual:
            attended = attended + projected["residual"]
        attended = ops.relu(attended)
        return attended if mask is None else attended * ops.cast(mask, attended.dtype)[:, :, None]

    def _split(self, projected: Any, fields: int) -> Any:
        """``[B, F, H * U]`` as ``[B, H, F, U]``."""
        return ops.swapaxes(ops.reshape(projected, (-1, fields, self.heads, self.units)), 1, 2)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of what ``call`` returns."""
        return (*input_shape[:-1], self.heads * self.units)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "heads": self.heads,
            "residual": self.residual,
            "scaled": self.scaled,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }

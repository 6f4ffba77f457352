"""`CrossMixture`: a cross layer made of low-rank experts (DCN-v2)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers._masking import masked_softmax

__all__ = ["CrossMixture"]


@keras.saving.register_keras_serializable(package="shortlist")
class CrossMixture(keras.layers.Layer):
    r"""One cross layer whose low-rank matrix is a mixture of experts, gated by the input.

    .. math:: x_{l+1} = \sum_{i=1}^{K} G_i(x_l)\, x_0 \odot
              \big( U_i\, g(C_i\, g(V_i^\top x_l)) + b \big) + x_l

    with ``G`` the softmax of a linear layer. See `Cross` for one matrix.

    Args:
        experts: ``K``.
        projection_dim: the rank of each expert.
        activation: ``g``; the identity makes the experts low-rank matrices.
        kernel_initializer: of all matrices.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        x0: ``[B, D]``, the input of the first cross layer.
        x: ``[B, D]``, the output of the layer before; None (the first layer) takes ``x0``.

    Returns:
        ``[B, D]``.

    Raises:
        ConfigError: ``experts`` or ``projection_dim`` is not positive.

    Reference: Wang et al. 2021, "DCN V2: Improved Deep & Cross Network and Practical Lessons for
    Web-scale Learning to Rank Systems", section 3.4.

    >>> import numpy as np
    >>> CrossMixture(experts=2, projection_dim=3)(np.ones((4, 8), "float32")).shape == (4, 8)
    True
    """

    def __init__(
        self,
        experts: int = 4,
        projection_dim: int = 32,
        activation: Any = "tanh",
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if experts < 1 or projection_dim < 1:
            raise ConfigError(
                "CrossMixture expected experts and projection_dim to be positive integers; "
                f"received {experts!r} and {projection_dim!r}."
            )
        self.experts = experts
        self.projection_dim = projection_dim
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, x0_shape: Any, x_shape: Any = None) -> None:
        """Create the experts for inputs of width ``x0_shape[-1]``."""
        del x_shape
        width, rank = x0_shape[-1], self.projection_dim
        shapes = {"down": (width, rank), "core": (rank, rank), "up": (rank, width)}
        self.kernels = [
            self.add_weight(
                name=f"{name}_kernels",
                shape=(self.experts, *shape),
                initializer=_each(self.kernel_initializer),
            )
            for name, shape in shapes.items()
        ]
        self.gate = self.add_weight(
            name="gate_kernel",
            shape=(width, self.experts),
            initializer=self.kernel_initializer.clone(),
        )
        self.bias = self.add_weight(name="bias", shape=(width,), initializer="zeros")
        self.built = True

    def call(self, x0: Any, x: Any = None) -> Any:
        """Cross ``x`` with ``x0``."""
        x = x0 if x is None else x
        down, core, up = self.kernels
        inner = self.activation(ops.matmul(x[None], down))  # [K, B, R]
        inner = self.activation(ops.matmul(inner, core))
        experts = ops.matmul(inner, up) + ops.cast(self.bias, x.dtype)  # [K, B, D]
        gates = ops.transpose(masked_softmax(ops.matmul(x, self.gate)))  # [K, B]
        return x0 * ops.sum(gates[:, :, None] * experts, axis=0) + x

    def compute_output_shape(self, x0_shape: Any, x_shape: Any = None) -> Any:
        """The shape of ``x0``."""
        del x_shape
        return x0_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "experts": self.experts,
            "projection_dim": self.projection_dim,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _each(initializer: Any) -> Any:
    """Start every expert as a matrix of its own: together they would count as one wide one."""

    def start(shape: Any, dtype: Any = None) -> Any:
        return ops.stack([initializer.clone()(shape[1:], dtype=dtype) for _ in range(shape[0])])

    return start

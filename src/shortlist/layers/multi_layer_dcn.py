"""`MultiLayerDCN`: several low-rank cross layers as one."""

from __future__ import annotations

from typing import Any

import keras

from shortlist.errors import ConfigError
from shortlist.layers.cross import Cross

__all__ = ["MultiLayerDCN"]


@keras.saving.register_keras_serializable(package="shortlist")
class MultiLayerDCN(keras.layers.Layer):
    r"""A stack of `Cross` layers of low rank on one input.

    .. math:: x_{l+1} = x_0 \odot (U_l V_l x_l + b_l) + x_l, \qquad l = 0, \ldots, L - 1

    Args:
        projection_dim: the rank of each ``U_l V_l``.
        num_layers: ``L``.
        use_bias: whether there is a ``b``.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: as in `Dense`.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        x0: ``[B, D]``.

    Returns:
        ``[B, D]``.

    Raises:
        ConfigError: ``projection_dim`` or ``num_layers`` is not positive.

    Reference: Wang et al. 2021, "DCN V2: Improved Deep & Cross Network and Practical Lessons for
    Web-scale Learning to Rank Systems".

    >>> import numpy as np
    >>> layer = MultiLayerDCN(projection_dim=2, num_layers=3)
    >>> layer(np.ones((5, 8), "float32")).shape == (5, 8), len(layer.weights)
    (True, 9)
    """

    def __init__(
        self,
        projection_dim: int = 1,
        num_layers: int = 3,
        use_bias: bool = True,
        kernel_initializer: Any = "truncated_normal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_layers < 1:
            raise ConfigError(
                f"num_layers expected an integer of at least 1; received {num_layers!r}."
            )
        self.projection_dim = projection_dim
        self.num_layers = num_layers
        self.supports_masking = True
        self.crosses = [
            Cross(
                projection_dim,
                use_bias=use_bias,
                kernel_initializer=kernel_initializer,
                bias_initializer=bias_initializer,
                kernel_regularizer=kernel_regularizer,
                bias_regularizer=bias_regularizer,
                dtype=self.dtype_policy,
            )
            for _ in range(num_layers)
        ]

    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs of width ``input_shape[-1]``."""
        for cross in self.crosses:
            cross.build(input_shape)
        self.built = True

    def call(self, x0: Any) -> Any:
        """Cross the input with itself, ``num_layers`` times."""
        x = x0
        for cross in self.crosses:
            x = cross(x0, x)
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        shared = self.crosses[0].get_config()
        names = (
            "use_bias",
            "kernel_initializer",
            "bias_initializer",
            "kernel_regularizer",
            "bias_regularizer",
        )
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "num_layers": self.num_layers,
            **{name: shared[name] for name in names},
        }

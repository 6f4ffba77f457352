"""`MaskBlock`: an input multiplied by a mask that the whole example decides on (MaskNet)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError

__all__ = ["MaskBlock"]


@keras.saving.register_keras_serializable(package="shortlist")
class MaskBlock(keras.layers.Layer):
    r"""Multiplies an input by an instance-guided mask, then a layer with normalisation.

    .. math:: m = W_2\, \mathrm{relu}(W_1 v + b_1) + b_2, \qquad
              y = \mathrm{relu}(\mathrm{LayerNorm}(W_3 (m \odot h)))

    The product lets the network cross features that addition alone only approximates.

    Args:
        units: the width of the output.
        reduction: the mask's hidden layer is so many times as wide as ``h``.
        dropout: of the output, in training.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        guide: ``v``, ``[B, E]``: all embeddings of the example.
        hidden: ``h``, ``[B, H]``: what is multiplied; None takes ``guide`` itself.

    Returns:
        ``[B, units]``.

    Raises:
        ConfigError: ``units`` or ``reduction`` is not positive.

    Reference: Wang, She and Zhang 2021, "MaskNet: Introducing Feature-Wise Multiplication to CTR
    Ranking Models by Instance-Guided Mask".

    >>> import numpy as np
    >>> MaskBlock(4)(np.ones((3, 6), "float32")).shape == (3, 4)
    True
    """

    def __init__(
        self, units: int, reduction: float = 2.0, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if units < 1 or reduction <= 0:
            raise ConfigError(
                "MaskBlock expected units and reduction to be positive; received "
                f"units={units!r} and reduction={reduction!r}."
            )
        self.units = units
        self.reduction = reduction
        self.dropout = dropout
        self.output_dense = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy)
        self.normalization = keras.layers.LayerNormalization(dtype=self.dtype_policy)
        self.dropping = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, guide_shape: Any, hidden_shape: Any = None) -> None:
        """Create the weights."""
        width = (hidden_shape or guide_shape)[-1]
        wide = max(1, int(width * self.reduction))
        dense = keras.layers.Dense
        self.aggregation = dense(wide, activation="relu", dtype=self.dtype_policy)
        self.projection = dense(width, dtype=self.dtype_policy)
        self.aggregation.build(guide_shape)
        self.projection.build((None, wide))
        self.output_dense.build((None, width))
        self.normalization.build((None, self.units))
        self.built = True

    def call(self, guide: Any, hidden: Any = None, training: bool = False) -> Any:
        """Mask ``hidden`` as ``guide`` says."""
        hidden = guide if hidden is None else hidden
        masked = self.projection(self.aggregation(guide)) * hidden
        output = ops.relu(self.normalization(self.output_dense(masked)))
        return self.dropping(output, training=training)

    def compute_output_shape(self, guide_shape: Any, hidden_shape: Any = None) -> Any:
        """The shape of what ``call`` returns."""
        del hidden_shape
        return (guide_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "reduction": self.reduction,
            "dropout": self.dropout,
        }

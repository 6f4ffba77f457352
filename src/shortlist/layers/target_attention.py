"""`TargetAttention`: what of a user's history matters for this candidate (DIN)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from shortlist.layers._masking import masked_softmax
from shortlist.layers.mlp import MLP

__all__ = ["TargetAttention"]


@keras.saving.register_keras_serializable(package="shortlist")
class TargetAttention(keras.layers.Layer):
    r"""Sums up a history, each event weighed by a small network that sees the candidate too.

    .. math:: v = \sum_j a(h_j, t)\, h_j, \qquad
              a(h, t) = \mathrm{MLP}\big([h,\ t,\ h - t,\ h \odot t]\big)

    The weights are not normalised, so that how much of the history is about the candidate is kept.

    Args:
        hidden_units: the hidden layers of the network.
        activation: of its hidden layers.
        normalize: a softmax over the events of the history.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        target: ``t``, ``[B, D]``.
        history: ``h``, ``[B, L, D]``.
        mask: ``[B, L]`` bool, False where there is no event.

    Returns:
        ``[B, D]``; zeros for an empty history.

    Reference: Zhou et al. 2018, "Deep Interest Network for Click-Through Rate Prediction".

    >>> import numpy as np
    >>> layer = TargetAttention()
    >>> target, history = np.ones((2, 4), "float32"), np.ones((2, 3, 4), "float32")
    >>> pooled = layer(target, history, np.array([[True, True, False], [False, False, False]]))
    >>> np.abs(ops.convert_to_numpy(pooled)[1]).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """

    def __init__(
        self,
        hidden_units: Sequence[int] = (36,),
        activation: Any = "relu",
        normalize: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_units = tuple(hidden_units)
        self.activation = keras.activations.get(activation)
        self.normalize = normalize
        self.network = MLP(
            (*self.hidden_units, 1), activation=self.activation, dtype=self.dtype_policy
        )

    def build(self, target_shape: Any, history_shape: Any, mask_shape: Any = None) -> None:
        """Create the network for vectors of width ``target_shape[-1]``."""
        del history_shape, mask_shape
        self.network.build((None, None, 4 * target_shape[-1]))
        self.built = True

    def call(self, target: Any, history: Any, mask: Any) -> Any:
        """Sum up ``history`` where ``mask`` is True."""
        target = ops.broadcast_to(target[:, None, :], ops.shape(history))
        seen = ops.concatenate([history, target, history - target, history * target], axis=-1)
        scores = ops.squeeze(self.network(seen), axis=-1)
        if self.normalize:
            weights = masked_softmax(scores, mask)
        else:
            weights = scores * ops.cast(mask, scores.dtype)
        return ops.squeeze(ops.matmul(weights[:, None, :], history), axis=1)

    def compute_mask(self, *inputs: Any, **others: Any) -> None:
        """None: the mask is used up."""
        del inputs, others

    def compute_output_shape(
        self, target_shape: Any, history_shape: Any = None, mask_shape: Any = None
    ) -> Any:
        """The shape of the target."""
        del history_shape, mask_shape
        return target_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "hidden_units": list(self.hidden_units),
            "activation": keras.activations.serialize(self.activation),
            "normalize": self.normalize,
        }

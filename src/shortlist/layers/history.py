"""`HistoryPooling`: a user's latest items, weighted by how recent they are, as one vector."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["HistoryPooling"]


@keras.saving.register_keras_serializable(package="shortlist")
class HistoryPooling(keras.layers.Layer):
    r"""Pools the embeddings of a history with learned weights by recency.

    .. math:: h = \Big(\sum_j w_{b(j)}\Big)^{-\alpha} \sum_j w_{b(j)}\, e_j,
              \qquad b(j) = \lfloor \log_2 (j + 1) \rfloor

    where ``j`` counts back from the latest item (``j = 0``) and ``w = exp(v) > 0`` is learned, one
    value for each power of two of recency: the latest item, the two before it, the four before
    those. ``alpha = 1`` is a weighted mean, ``0`` a sum; the default lies between, so that a longer
    history speaks louder, but not in proportion. With ``recency=False`` every ``w`` is 1.

    Args:
        max_length: the longest history ``L`` that is told apart by recency; what lies further back
            weighs as much as its last power of two.
        alpha: the exponent of the normalisation, from 0 to 1.
        recency: learn the weights ``w``.

    Call arguments:
        embeddings: ``[B, L, D]``, oldest item first, padding at the end.
        mask: ``[B, L]`` bool, False where there is no item.

    Returns:
        ``[B, D]``; zeros for an empty history.

    >>> import numpy as np
    >>> layer = HistoryPooling(max_length=2, alpha=1.0)
    >>> pooled = layer(np.array([[[1.0], [3.0]]]), mask=np.array([[True, True]]))
    >>> ops.convert_to_numpy(pooled).tolist()
    [[2.0]]
    """

    def __init__(
        self, max_length: int, *, alpha: float = 0.5, recency: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not 0.0 <= alpha <= 1.0:
            raise ValueError(f"alpha expected a number from 0 to 1; received {alpha!r}.")
        self.max_length = max_length
        self.alpha = alpha
        self.recency = recency
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create one weight for each power of two of recency."""
        del input_shape
        if self.recency:
            self.log_weights = self.add_weight(
                shape=(self.max_length.bit_length(),), initializer="zeros", name="log_weights"
            )
        self.built = True

    def call(self, embeddings: Any, mask: Any) -> Any:
        """Pool ``embeddings`` where ``mask`` is True."""
        weights = ops.cast(mask, embeddings.dtype)
        if self.recency:
            # Steps back from the latest item: the number of items that come after this one.
            after = ops.flip(ops.cumsum(ops.flip(weights, axis=1), axis=1), axis=1) - weights
            bucket = ops.floor(ops.log2(after + 1.0) + 1e-4)
            bucket = ops.minimum(bucket, self.max_length.bit_length() - 1)
            learned = ops.cast(ops.exp(self.log_weights), embeddings.dtype)
            weights = weights * ops.take(learned, ops.cast(bucket, "int32"))
        total = ops.sum(weights, axis=1, keepdims=True)
        pooled = ops.squeeze(ops.matmul(weights[:, None, :], embeddings), axis=1)
        return pooled / ops.power(ops.maximum(total, 1e-6), self.alpha)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: the mask is used up, for the vector of a query has no steps."""
        del inputs, previous_mask

    def compute_output_shape(self, embeddings_shape: Any, mask_shape: Any = None) -> Any:
        """``[B, L, D]`` becomes ``[B, D]``."""
        del mask_shape
        return (embeddings_shape[0], embeddings_shape[2])

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "max_length": self.max_length,
            "alpha": self.alpha,
            "recency": self.recency,
        }

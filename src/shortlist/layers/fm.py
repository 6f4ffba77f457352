"""`FM`: the second-order term of a factorization machine."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.errors import DataError

__all__ = ["FM"]


@keras.saving.register_keras_serializable(package="shortlist")
class FM(keras.layers.Layer):
    r"""The sum of the inner products of all pairs of feature vectors, in linear time.

    .. math:: \sum_{i < j} e_i \cdot e_j
              = \tfrac12 \Big( \big\|\sum_i e_i\big\|^2 - \sum_i \|e_i\|^2 \Big)

    With ``pooled`` the sum over the coordinates is left out (the bi-interaction pooling of neural
    factorization machines).

    Args:
        pooled: return the vector of the coordinates rather than their sum.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        inputs: ``[B, F, D]``, the vectors of ``F`` features, each scaled by its value.

    Returns:
        ``[B, 1]``; ``[B, D]`` with ``pooled``. A Keras mask ``[B, F]`` leaves features out.

    Raises:
        DataError: the input has not three axes.

    Reference: Rendle 2010, "Factorization Machines"; He and Chua 2017, "Neural Factorization
    Machines for Sparse Predictive Analytics".

    >>> import numpy as np
    >>> ops.convert_to_numpy(FM()(np.array([[[1.0, 2.0], [3.0, 4.0]]], "float32"))).tolist()
    [[11.0]]
    """

    def __init__(self, pooled: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pooled = pooled
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Multiply every pair."""
        if len(inputs.shape) != 3:
            raise DataError(
                f"FM {self.name!r} expected one tensor [batch, features, width]; received one of "
                f"shape {tuple(inputs.shape)}. Stack the vectors of the features on axis 1."
            )
        if mask is not None:
            inputs = inputs * ops.cast(mask, inputs.dtype)[:, :, None]
        # The difference of two large sums: half precision would lose it.
        vectors = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        squares = ops.square(ops.sum(vectors, axis=1)) - ops.sum(ops.square(vectors), axis=1)
        pooled = 0.5 * squares
        result = pooled if self.pooled else ops.sum(pooled, axis=1, keepdims=True)
        return ops.cast(result, inputs.dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: the features are summed up."""
        del inputs, previous_mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of what ``call`` returns."""
        return (input_shape[0], input_shape[2] if self.pooled else 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "pooled": self.pooled}

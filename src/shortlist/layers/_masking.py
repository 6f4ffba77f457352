"""The softmax over what is there."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["masked_softmax"]


def masked_softmax(scores: Any, mask: Any = None) -> Any:
    """The softmax over the last axis of ``scores`` where ``mask`` is True, zeros elsewhere.

    Where nothing is True there are only zeros. It is worked out in float32 or better.

    >>> import numpy as np
    >>> scores, mask = np.zeros((2, 2), "float32"), np.array([[True, False], [False, False]])
    >>> ops.convert_to_numpy(masked_softmax(scores, mask)).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    if scores.shape[-1] == 1:  # Keras warns of it, and there is nothing to work out
        return ops.ones_like(scores) if mask is None else ops.cast(mask, scores.dtype)
    wide = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
    if mask is None:
        return ops.cast(ops.softmax(wide, axis=-1), scores.dtype)
    there = ops.cast(mask, wide.dtype)
    # Finite, so that a row without anything has no NaN in its gradient.
    weights = ops.softmax(ops.where(mask, wide, -1e30), axis=-1) * there
    return ops.cast(weights, scores.dtype)

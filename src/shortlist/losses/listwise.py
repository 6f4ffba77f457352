"""Losses on lists: how well the scores of a list order its labels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.errors import DataError

__all__ = ["listwise_softmax"]


def listwise_softmax(labels: Any, logits: Any, *, sample_weight: Any = None) -> Any:
    r"""The cross-entropy between a list's labels and the softmax of its scores.

    .. math:: \ell_b = -\sum_{l} \frac{y_{bl}}{\sum_j y_{bj}}
              \log \frac{\exp z_{bl}}{\sum_j \exp z_{bj}}, \qquad
              \mathrm{loss} = \frac{\sum_b w_b \ell_b}{\sum_b w_b}

    Args:
        labels: ``[B, L]``, at least 0; a negative label masks its place, which then counts neither
            as an item nor as a competitor. A list without a positive label has loss 0.
        logits: ``[B, L]`` scores.
        sample_weight: ``[B]``, one weight a list; 1 by default.

    Returns:
        A scalar, 0 where all weights are.

    Raises:
        DataError: the shapes differ.

    Reference: Cao et al. 2007, "Learning to rank: from pairwise approach to listwise approach";
    the top-one form of Bruch et al. 2019, "An analysis of the softmax cross entropy loss".

    >>> import numpy as np
    >>> labels = np.array([[1.0, 0.0, -1.0]])
    >>> round(float(listwise_softmax(labels, np.array([[0.0, 0.0, 9.0]]))), 4)
    0.6931
    """
    labels, logits = ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
    if tuple(labels.shape) != tuple(logits.shape):
        raise DataError(
            "listwise_softmax expected labels and logits of one shape [B, L]; received "
            f"{tuple(labels.shape)} and {tuple(logits.shape)}."
        )
    logits = _at_least_single(logits)
    labels = ops.cast(labels, logits.dtype)
    known = labels >= 0
    gains = ops.where(known, labels, 0)
    total = ops.sum(gains, axis=-1)
    # A finite stand-in for minus infinity: the softmax of a list that is all masked has no NaN.
    masked = ops.where(known, logits, -1e9)
    log_softmax = ops.where(known, ops.log_softmax(masked, axis=-1), 0)
    per_list = -ops.sum(gains * log_softmax, axis=-1) / ops.where(total > 0, total, 1)
    if sample_weight is None:
        return ops.mean(per_list)
    weights = ops.reshape(ops.cast(sample_weight, logits.dtype), (-1,))
    weight = ops.sum(weights)
    return ops.sum(weights * per_list) / ops.where(weight > 0, weight, 1)


def _at_least_single(logits: Any) -> Any:
    half = keras.backend.standardize_dtype(logits.dtype) in ("float16", "bfloat16")
    return ops.cast(logits, "float32") if half else logits

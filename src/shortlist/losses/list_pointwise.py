"""Losses that judge every item of a list by itself, averaged over items.

Labels and scores have one shape, ``[B]`` or ``[B, L]``. As in `losses.lists` a label below 0 masks
its place, and ``sample_weight`` is ``[B]`` or ``[B, L]``; here the mean is over the *items* that
are not masked, each by its weight::

    loss = sum_bi w[b, i] l[b, i] / sum_bi w[b, i]
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, DataError
from shortlist.losses.lists import concrete, required

Tensor = Any

__all__ = [
    "CumulativeLogits",
    "mean_squared_loss",
    "ordinal_loss",
    "sigmoid_cross_entropy_loss",
]


def sigmoid_cross_entropy_loss(
    labels: Tensor, scores: Tensor, sample_weight: Tensor | None = None
) -> Tensor:
    r"""The cross-entropy between a label in [0, 1] and the sigmoid of the score.

    .. math:: \ell = -y \log \sigma(z) - (1 - y) \log(1 - \sigma(z))

    Computed from the logit, so that it neither overflows nor saturates.

    Args:
        labels: ``[B]`` or ``[B, L]``, from 0 to 1; a negative label masks its place.
        scores: of the same shape, logits.
        sample_weight: ``[B]`` or ``[B, L]``, 1 by default.

    Returns:
        A scalar, the weighted mean over items; 0 where all weights are.

    Raises:
        DataError: the shapes do not fit, or a label is above 1 or no number (where labels are
            known: inside a compiled step they are not checked).

    >>> print(f"{float(sigmoid_cross_entropy_loss([1.0, 0.0, -1.0], [0.0, 0.0, 9.0])):.4f}")
    0.6931
    """
    name = "sigmoid_cross_entropy_loss"
    labels, scores, weight = _items(name, labels, scores, sample_weight, largest=1.0)
    # max(z, 0) - z y + log(1 + exp(-|z|)): the cross-entropy that does not overflow.
    losses = ops.relu(scores) - scores * labels + ops.log1p(ops.exp(-ops.abs(scores)))
    return _mean(losses, weight)


def mean_squared_loss(
    labels: Tensor, scores: Tensor, sample_weight: Tensor | None = None
) -> Tensor:
    r"""The squared difference of label and score, :math:`\ell = (y - z)^2`.

    Arguments, result and errors are those of `sigmoid_cross_entropy_loss`, but for the labels.

    Args:
        labels: ``[B]`` or ``[B, L]``, at least 0, such as ratings; a negative label masks its
            place (`keras.losses.MeanSquaredError` takes labels of both signs).
        scores: of the same shape.
        sample_weight: ``[B]`` or ``[B, L]``, 1 by default.

    >>> float(mean_squared_loss([3.0, 1.0, -1.0], [1.0, 1.0, 9.0]))
    2.0
    """
    labels, scores, weight = _items("mean_squared_loss", labels, scores, sample_weight)
    return _mean(ops.square(labels - scores), weight)


def ordinal_loss(labels: Tensor, logits: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    r"""Grades in order: one cross-entropy for each step "is the label at least k?".

    .. math:: \ell = -\sum_{k=1}^{K-1} \big( [y \ge k] \log \sigma(z_k)
              + [y < k] \log(1 - \sigma(z_k)) \big)

    ``sum_k sigmoid(z_k)`` is the expected grade. `CumulativeLogits` turns one score into such
    logits with thresholds in order, so that the probabilities never contradict each other.

    Args:
        labels: ``[B]`` or ``[B, L]``, whole grades ``0 .. K - 1``; a negative label masks its
            place.
        logits: ``[B, K - 1]`` or ``[B, L, K - 1]``, of ``P(y >= 1) .. P(y >= K - 1)``.
        sample_weight: ``[B]`` or ``[B, L]``, 1 by default.

    Returns:
        A scalar, the weighted mean over items; 0 where all weights are.

    Raises:
        DataError: the shapes do not fit, or a label is no grade below ``K`` (where labels are
            known: inside a compiled step they are not checked).

    Reference: McCullagh 1980, "Regression models for ordinal data"; Cao et al. 2020, "Rank
    consistent ordinal regression for neural networks" (CORAL).

    >>> import numpy as np
    >>> print(f"{float(ordinal_loss([2.0], np.zeros((1, 3)))):.4f}")    # 3 log 2
    2.0794
    """
    logits = ops.convert_to_tensor(logits)
    if len(logits.shape) < 2 or logits.shape[-1] < 1:
        raise DataError(
            "ordinal_loss expected logits of shape [B, K - 1] or [B, L, K - 1]; received "
            f"{tuple(logits.shape)}."
        )
    steps = int(logits.shape[-1])
    values = concrete(labels)
    if values is not None and ((values >= 0) & (values != np.round(values))).any():
        raise DataError("ordinal_loss expected whole grades 0 .. K - 1; received fractions.")
    labels, _, weight = _items(
        "ordinal_loss", labels, logits[..., 0], sample_weight, largest=float(steps)
    )
    reached = ops.cast(
        labels[..., None] >= ops.arange(1, steps + 1, dtype=labels.dtype), labels.dtype
    )
    z = ops.where(weight[..., None] == 0, 0, ops.cast(logits, labels.dtype))
    losses = ops.relu(z) - z * reached + ops.log1p(ops.exp(-ops.abs(z)))
    return _mean(ops.sum(losses, axis=-1), weight)


@keras.saving.register_keras_serializable(package="shortlist")
class CumulativeLogits(keras.layers.Layer):
    """One score to the logits of ``P(y >= k)``, ``k = 1 .. grades - 1``: ``z_k = score - t_k``.

    The thresholds ``t_k`` are learned and stay in order, as each is the one before plus a positive
    step, so ``P(y >= k)`` falls with ``k`` (the proportional odds model of McCullagh 1980).

    Args:
        grades: ``K``, the number of grades, 2 or more.

    Raises:
        ConfigError: there are fewer than 2 grades.

    >>> import numpy as np
    >>> CumulativeLogits(5)(np.zeros((2, 7))).shape[-1]
    4
    """

    def __init__(self, grades: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if grades < 2:
            raise ConfigError(f"CumulativeLogits expected 2 grades or more; received {grades}.")
        self.grades = grades
        # The thresholds begin one apart, around 0.
        self._first = self.add_weight(
            (1,), keras.initializers.Constant(1.0 - grades / 2), name="first_threshold"
        )
        step = float(np.log(np.expm1(1.0)))
        self._steps = self.add_weight(
            (grades - 2,), keras.initializers.Constant(step), name="threshold_steps"
        )
        self.built = True

    @property
    def thresholds(self) -> Tensor:
        """``[K - 1]``, ascending."""
        steps = ops.concatenate([self._first, ops.softplus(self._steps)])
        return ops.cumsum(steps)

    def call(self, scores: Tensor) -> Tensor:
        """``[..., K - 1]`` logits of scores ``[...]``."""
        return scores[..., None] - ops.cast(self.thresholds, scores.dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "grades": self.grades}


def _items(
    name: str,
    labels: Tensor,
    scores: Tensor,
    sample_weight: Tensor | None,
    *,
    largest: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Labels and scores, 0 where masked, and the weight of every place, 0 where masked."""
    values = concrete(labels)
    labels, scores = required(name, labels, scores)
    if len(scores.shape) not in (1, 2) or tuple(labels.shape) != tuple(scores.shape):
        raise DataError(
            f"{name} expected labels and scores of one shape, [B] or [B, L]; received "
            f"{tuple(labels.shape)} and {tuple(scores.shape)}."
        )
    if largest is not None and values is not None and (values > largest).any():
        raise DataError(
            f"{name} expected labels from 0 to {largest:g} (or below 0 for no item); received "
            f"{values.max():g}."
        )
    known = labels >= 0
    weight = ops.cast(known, scores.dtype)
    if sample_weight is not None:
        given = ops.cast(sample_weight, scores.dtype)
        one_each = len(given.shape) == 1 and len(scores.shape) == 2
        weight = weight * (given[:, None] if one_each else given)
    return ops.where(known, labels, 0), ops.where(known, scores, 0), weight


def _mean(losses: Tensor, weight: Tensor) -> Tensor:
    total = ops.sum(weight)
    return ops.sum(weight * losses) / ops.where(total > 0, total, 1)

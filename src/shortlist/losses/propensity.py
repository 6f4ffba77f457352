"""Weights against position bias: what was seldom looked at counts more where it was clicked.

    weight = inverse_propensity_weights(position_propensity(positions))
    loss = softmax_loss(clicks, scores, sample_weight=weight)

The other way is to learn the bias beside the relevance: `shortlist.tasks.PositionBias`.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from shortlist.errors import ConfigError, DataError
from shortlist.losses.lists import concrete

Tensor = Any

__all__ = ["inverse_propensity_weights", "position_propensity"]


def position_propensity(positions: Tensor, *, eta: float = 1.0) -> Tensor:
    r"""How likely a position is looked at, by a power law: :math:`p = (1/\mathrm{position})^\eta`.

    Args:
        positions: any shape, from 1 at the top. 0 means unknown and gets 1.
        eta: how steeply attention falls; 0 for no bias at all.

    Returns:
        float32 of the shape of ``positions``, in (0, 1].

    Raises:
        ConfigError: ``eta`` is negative.
        DataError: a position is negative (where positions are known).

    Reference: Joachims et al. 2017, "Unbiased learning-to-rank with biased feedback".

    >>> [round(float(p), 2) for p in position_propensity([1, 2, 4])]
    [1.0, 0.5, 0.25]
    """
    if not eta >= 0:
        raise ConfigError(f"position_propensity expected eta of 0 or more; received {eta}.")
    values = concrete(positions)
    if values is not None and (values < 0).any():
        raise DataError(
            "position_propensity expected positions from 1 up (0 where unknown); received "
            f"{values.min():g}."
        )
    return ops.maximum(ops.cast(positions, "float32"), 1) ** -eta


def inverse_propensity_weights(propensities: Tensor, *, clip: float = 0.01) -> Tensor:
    """``1 / max(propensity, clip)``, to be given to a loss as ``sample_weight``.

    A mean over the batch weighted so is what the loss would be had everything been looked at; the
    losses divide by the sum of the weights (self-normalised). Clipping trades a little bias for
    far less variance.

    Args:
        propensities: any shape, the probability that each place was looked at, in (0, 1].
        clip: the smallest propensity that is believed.

    Returns:
        Weights of at least 1, of the same shape.

    Raises:
        ConfigError: ``clip`` is not in (0, 1].
        DataError: a propensity is not in [0, 1] (where they are known).

    Reference: Wang et al. 2016, "Learning to rank with selection bias in personal search".

    >>> [float(w) for w in inverse_propensity_weights([1.0, 0.5, 0.001], clip=0.1)]
    [1.0, 2.0, 10.0]
    """
    if not 0.0 < clip <= 1.0:
        raise ConfigError(
            f"inverse_propensity_weights expected clip above 0 and at most 1; received {clip}."
        )
    values = concrete(propensities)
    if values is not None and not ((values >= 0) & (values <= 1)).all():
        raise DataError(
            "inverse_propensity_weights expected propensities from 0 to 1; received values from "
            f"{values.min():g} to {values.max():g}."
        )
    return 1.0 / ops.maximum(ops.cast(propensities, "float32"), clip)

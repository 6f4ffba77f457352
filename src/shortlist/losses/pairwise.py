"""Losses that set a row's positive above its negatives.

All take labels and logits ``[B, C]``, as `Retrieval` and Keras hand them over: ``labels`` is 1 at
the one positive of each row, 0 at its negatives and -1 at what takes no part. Candidates that were
removed or masked before (logits of about `EXCLUDED`) take no part either.

    Retrieval(loss=bpr)                                     # the others of the batch as negatives
    bpr(*explicit_negatives(queries, positives, negatives)) # negatives of one's own choice
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses.rows import Rows, weighted_mean

Tensor = Any

__all__ = ["bpr", "hinge", "warp"]


def bpr(labels: Tensor, logits: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    r"""Bayesian personalised ranking: the logistic loss of each positive against each negative.

    .. math:: \ell_b = \frac{1}{N_b} \sum_{n} \log(1 + \exp(z_{bn} - z_{b+}))

    Args:
        labels: ``[B, C]``; see the module.
        logits: ``[B, C]`` scores.
        sample_weight: ``[B]``, 1 by default.

    Returns:
        The weighted mean over rows, 0 where all weights are. A row without negatives has loss 0.

    Raises:
        ConfigError: the shapes differ.

    Reference: Rendle et al. 2009, "BPR: Bayesian personalized ranking from implicit feedback".

    >>> print(f"{float(bpr([[1.0, 0.0]], [[2.0, 2.0]])):.4f}")
    0.6931
    """
    rows = Rows.of(labels, logits)
    losses = ops.softplus(rows.logits - rows.positive[:, None])
    return weighted_mean(rows.mean_over_negatives(losses), sample_weight)


def hinge(
    labels: Tensor, logits: Tensor, sample_weight: Tensor | None = None, *, margin: float = 1.0
) -> Tensor:
    r"""How far each positive falls short of being ``margin`` above each negative.

    .. math:: \ell_b = \frac{1}{N_b} \sum_{n} \max(0, m - z_{b+} + z_{bn})

    Arguments, result and errors are those of `bpr`, and:

    Args:
        labels: ``[B, C]``; see the module.
        logits: ``[B, C]`` scores.
        sample_weight: ``[B]``, 1 by default.
        margin: ``m``.

    >>> float(hinge([[1.0, 0.0, 0.0]], [[2.0, 2.0, 0.0]]))
    0.5
    """
    rows = Rows.of(labels, logits)
    losses = ops.relu(margin - rows.positive[:, None] + rows.logits)
    return weighted_mean(rows.mean_over_negatives(losses), sample_weight)


def warp(
    labels: Tensor,
    logits: Tensor,
    sample_weight: Tensor | None = None,
    *,
    catalogue: int,
    margin: float = 1.0,
) -> Tensor:
    r"""The hinge of the first negative that violates the margin, the dearer the sooner it is met.

    The negatives of a row are taken as samples in the order of their columns. If number ``t`` is
    the first with ``z > z_+ - margin``, the positive's rank is put at ``r = (catalogue - 1) // t``:

    .. math:: \ell_b = \Big(\sum_{i=1}^{r} \tfrac{1}{i}\Big) \, (m - z_{b+} + z_{bt})

    and 0 where none violates. No gradient flows through the rank.

    Args:
        labels: ``[B, C]``; see the module.
        logits: ``[B, C]`` scores.
        sample_weight: ``[B]``, 1 by default.
        catalogue: how many items there are.
        margin: ``m``.

    Returns:
        The weighted mean over rows, 0 where all weights are.

    Raises:
        ConfigError: the shapes differ, or the catalogue has fewer than two items.

    Reference: Weston et al. 2011, "WSABIE: scaling up to large vocabulary image annotation".

    >>> loss = warp([[1.0, 0.0, 0.0]], [[2.0, 0.0, 1.5]], catalogue=5)
    >>> print(f"{float(loss):.4f}")    # 0.5 (1 + 1/2)
    0.7500
    """
    if catalogue < 2:
        raise ConfigError(f"warp expected a catalogue of 2 items or more; received {catalogue}.")
    rows = Rows.of(labels, logits)
    shortfall = margin - rows.positive[:, None] + rows.logits
    violates = ops.logical_and(rows.negative, shortfall > 0)
    # The first violator, and how many negatives were drawn up to it.
    first = ops.argmax(ops.cast(violates, "int32"), axis=1)[:, None]
    drawn = ops.cumsum(ops.cast(rows.negative, "int32"), axis=1)
    trials = ops.maximum(ops.take_along_axis(drawn, first, axis=1)[:, 0], 1)
    # The sum of 1/i up to the rank: by its expansion, which is exact in float32 beyond a few.
    rank = ops.cast((catalogue - 1) // trials, rows.logits.dtype)
    weight = ops.where(rank > 0, _harmonic(rank), 0)
    loss = ops.stop_gradient(weight) * ops.take_along_axis(shortfall, first, axis=1)[:, 0]
    return weighted_mean(ops.where(ops.any(violates, axis=1), loss, 0), sample_weight)


def _harmonic(rank: Tensor) -> Tensor:
    """``1 + 1/2 + ... + 1/rank`` for whole numbers of at least 1."""
    shifted = ops.maximum(rank, 1) + 8.0
    asymptotic = ops.log(shifted) + np.euler_gamma + 1 / (2 * shifted) - 1 / (12 * shifted**2)
    return asymptotic - sum(1 / (shifted - i) for i in range(8))

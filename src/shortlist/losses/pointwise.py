"""Losses that judge each score by itself; labels and logits are those of `losses.pairwise`."""

from __future__ import annotations

from typing import Any

from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses.rows import Rows, weighted_mean

Tensor = Any

__all__ = ["binary_cross_entropy", "cosine_contrastive"]


def binary_cross_entropy(
    labels: Tensor,
    logits: Tensor,
    sample_weight: Tensor | None = None,
    *,
    catalogue: int | None = None,
    calibration: float = 0.75,
) -> Tensor:
    r"""Is each candidate the positive? Without overconfidence, where the catalogue is given.

    .. math:: \ell_b = \frac{1}{N_b + 1} \Big( \beta \log(1 + e^{-z_{b+}})
              + \sum_{n} \log(1 + e^{z_{bn}}) \Big)

    Few of the many negatives there are get sampled, so plain cross-entropy (``beta = 1``) learns
    probabilities that are far too high. With the sampling rate ``a = N_b / (catalogue - 1)`` and
    calibration ``t``, gBCE sets ``beta = a (t (1 - 1/a) + 1/a)``: ``t = 0`` is plain, and at
    ``t = 1`` the sigmoid of the scores is calibrated.

    Args:
        labels: ``[B, C]``, 1 at each row's positive, 0 at its negatives, -1 at what takes no part.
        logits: ``[B, C]`` scores.
        sample_weight: ``[B]``, 1 by default.
        catalogue: how many items there are; None for plain cross-entropy.
        calibration: ``t``, from 0 to 1.

    Returns:
        The weighted mean over rows, 0 where all weights are.

    Raises:
        ConfigError: the shapes differ, or an option is out of its range.

    Reference: Petrov and Macdonald 2023, "gSASRec: reducing overconfidence in sequential
    recommendation trained with negative sampling".

    >>> labels, logits = [[1.0, 0.0]], [[0.0, 0.0]]
    >>> print(f"{float(binary_cross_entropy(labels, logits)):.4f}")
    0.6931
    >>> print(f"{float(binary_cross_entropy(labels, logits, catalogue=101, calibration=1.0)):.4f}")
    0.3500
    """
    if not 0.0 <= calibration <= 1.0 or (catalogue is not None and catalogue < 2):
        raise ConfigError(
            "binary_cross_entropy expected calibration from 0 to 1 and a catalogue of 2 items or "
            f"more; received {calibration} and {catalogue}."
        )
    rows = Rows.of(labels, logits)
    number = rows.size()
    own = ops.softplus(-rows.positive)
    if catalogue is not None:
        rate = number / (catalogue - 1)
        own = own * (rate * calibration + 1.0 - calibration)
    others = rows.sum_over_negatives(ops.softplus(rows.logits))
    return weighted_mean((own + others) / (number + 1.0), sample_weight)


def cosine_contrastive(
    labels: Tensor,
    logits: Tensor,
    sample_weight: Tensor | None = None,
    *,
    margin: float = 0.8,
    negative_weight: float = 1.0,
) -> Tensor:
    r"""Draws the positive near and drives only those negatives away that are nearer than a margin.

    .. math:: \ell_b = 1 - z_{b+} + \frac{w}{N_b} \sum_{n} \max(0, z_{bn} - m)

    Args:
        labels: ``[B, C]``, 1 at each row's positive, 0 at its negatives, -1 at what takes no part.
        logits: ``[B, C]`` cosines: inner products of embeddings of length 1, and no temperature.
        sample_weight: ``[B]``, 1 by default.
        margin: ``m``.
        negative_weight: ``w``.

    Returns:
        The weighted mean over rows, 0 where all weights are.

    Raises:
        ConfigError: the shapes differ.

    Reference: Mao et al. 2021, "SimpleX: a simple and strong baseline for collaborative filtering".

    >>> print(f"{float(cosine_contrastive([[1.0, 0.0, 0.0]], [[0.9, 1.0, 0.1]])):.2f}")
    0.20
    """
    rows = Rows.of(labels, logits)
    others = rows.mean_over_negatives(ops.relu(rows.logits - margin))
    return weighted_mean(1.0 - rows.positive + negative_weight * others, sample_weight)

"""NDCG made smooth, as a loss; see `losses.lists` for masks and weights."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses.lists import Lists, discounts, gain_of, ideal_dcg

Tensor = Any

__all__ = ["approx_ndcg_loss", "gumbel_approx_ndcg_loss"]


def approx_ndcg_loss(
    labels: Tensor,
    scores: Tensor,
    sample_weight: Tensor | None = None,
    *,
    temperature: float = 0.1,
    gain: str = "exponential",
) -> Tensor:
    r"""Minus a smooth NDCG: the rank of an item is a sum of sigmoids of score differences.

    .. math:: \hat r_{bi} = 1 + \sum_{j \ne i} \sigma\Big(\frac{z_{bj} - z_{bi}}{T}\Big), \qquad
              \ell_b = -\frac{1}{\mathrm{IDCG}_b} \sum_i \frac{g_{bi}}{\log_2(1 + \hat r_{bi})}

    It lies in [-1, 0]. A list without gain has loss 0. Memory grows with ``B L^2``.

    Args:
        labels: ``[B, L]`` grades of at least 0; a negative label masks its place.
        scores: ``[B, L]``.
        sample_weight: ``[B]`` or ``[B, L]``, 1 by default.
        temperature: ``T``; the smaller, the nearer to NDCG and the fewer pairs have a gradient.
        gain: ``"exponential"`` for ``2^y - 1`` or ``"linear"`` for ``y``.

    Returns:
        A scalar, the weighted mean over lists; 0 where all weights are.

    Raises:
        ConfigError: an option is wrong.
        DataError: the shapes do not fit, or a label is outside its domain (where labels are known:
            inside a compiled step they are not checked).

    Reference: Qin et al. 2010, "A general approximation framework for direct optimization of
    information retrieval measures"; Bruch et al. 2019, "Revisiting approximate metric optimization
    in the age of deep neural networks".

    >>> import numpy as np
    >>> print(f"{float(approx_ndcg_loss([[0.0, 1.0]], np.array([[0.0, 9.0]]))):.4f}")
    -1.0000
    >>> print(f"{float(approx_ndcg_loss([[0.0, 1.0]], np.zeros((1, 2)))):.4f}")    # -1 / log2(2.5)
    -0.7565
    """
    lists = _graded("approx_ndcg_loss", labels, scores, sample_weight, temperature)
    return lists.mean(_minus_ndcg("approx_ndcg_loss", lists, temperature, gain))


def gumbel_approx_ndcg_loss(
    labels: Tensor,
    scores: Tensor,
    sample_weight: Tensor | None = None,
    *,
    seed: Any,
    samples: int = 8,
    noise: float = 1.0,
    temperature: float = 0.1,
    gain: str = "exponential",
) -> Tensor:
    r"""`approx_ndcg_loss` averaged over scores with Gumbel noise.

    .. math:: \ell_b = \frac{1}{S} \sum_{s=1}^{S} \ell_b^{\mathrm{ApproxNDCG}}(z_b + \beta G_{bs}),
              \qquad G = -\log(-\log U), \; U \sim \mathrm{Uniform}(0, 1)

    Sorting by noisy scores draws orders by the model of Plackett and Luce: what is learned is a
    policy over orders, and the loss has fewer flat places. Evaluate without the noise.

    Arguments not listed, result and errors are those of `approx_ndcg_loss`.

    Args:
        labels: ``[B, L]`` grades of at least 0; a negative label masks its place.
        scores: ``[B, L]``.
        sample_weight: ``[B]`` or ``[B, L]``, 1 by default.
        seed: a whole number for the same noise at every call, or a `keras.random.SeedGenerator`
            (kept by a layer or model) for new noise at each.
        samples: ``S``, noisy copies of every list.
        noise: ``beta``, the scale of the noise; 0 gives `approx_ndcg_loss`.
        temperature: see `approx_ndcg_loss`.
        gain: see `approx_ndcg_loss`.

    Reference: Bruch et al. 2020, "A stochastic treatment of learning to rank scoring functions".

    >>> import numpy as np
    >>> loss = gumbel_approx_ndcg_loss([[0.0, 1.0]], np.zeros((1, 2)), seed=1, noise=0.0)
    >>> print(f"{float(loss):.4f}")
    -0.7565
    """
    name = "gumbel_approx_ndcg_loss"
    if samples < 1 or not noise >= 0:
        raise ConfigError(
            f"{name} expected samples of 1 or more and noise of 0 or more; received {samples} and "
            f"{noise}."
        )
    lists = _graded(name, labels, scores, sample_weight, temperature)
    # Kept off 0 and 1, where the noise would be infinite.
    uniform = keras.random.uniform(
        (samples, *ops.shape(lists.scores)), 1e-6, 1.0 - 1e-6, dtype="float32", seed=seed
    )
    gumbel = ops.cast(-ops.log(-ops.log(uniform)), lists.scores.dtype)
    copies = [lists._replace(scores=lists.scores + noise * gumbel[s]) for s in range(samples)]
    losses = [_minus_ndcg(name, copy, temperature, gain) for copy in copies]
    return lists.mean(sum(losses) / samples)


def _graded(
    name: str, labels: Tensor, scores: Tensor, sample_weight: Tensor | None, temperature: float
) -> Lists:
    if not temperature > 0:
        raise ConfigError(f"{name} expected a temperature above 0; received {temperature}.")
    return Lists.of(name, labels, scores, sample_weight)


def _minus_ndcg(name: str, lists: Lists, temperature: float, gain: str) -> Tensor:
    """What each item contributes, ``[B, L]``."""
    gains = gain_of(name, lists.labels, gain)
    ahead = (lists.scores[:, None, :] - lists.scores[:, :, None]) / temperature
    others = ops.where(lists.known[:, None, :], ops.sigmoid(ahead), 0)
    # An item's sigmoid against itself is one half, which a rank from 1 leaves out.
    ranks = 0.5 + ops.sum(others, axis=2)
    return -gains * discounts(ranks) / ideal_dcg(gains, lists.known)

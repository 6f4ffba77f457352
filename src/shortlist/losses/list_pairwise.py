"""Losses of the pairs in a list, with LambdaRank's weights; see `losses.lists` for the rest."""

from __future__ import annotations

from typing import Any, Literal

from keras import ops

from shortlist.errors import ConfigError, nearest
from shortlist.losses.lists import Lists, discounts, gain_of, ideal_dcg, list_ranks

Tensor = Any
LambdaWeight = Literal["ndcg"]

__all__ = ["pairwise_hinge_loss", "pairwise_logistic_loss"]


def pairwise_logistic_loss(
    labels: Tensor,
    scores: Tensor,
    sample_weight: Tensor | None = None,
    *,
    lambda_weight: LambdaWeight | None = None,
    k: int | None = None,
    gain: str = "exponential",
) -> Tensor:
    r"""The logistic loss of every pair of items with different labels (RankNet, LambdaRank).

    .. math:: \ell_b = \sum_{i, j:\, y_{bi} > y_{bj}} \lambda_{bij}
              \log(1 + \exp(z_{bj} - z_{bi}))

    By default :math:`\lambda_{bij}` is one over the number of pairs of the list: a mean over pairs.
    With ``lambda_weight="ndcg"`` it is how much the list's NDCG changes if the two are swapped
    where they now stand, :math:`|g_i - g_j| \, |1/\log_2(1 + r_i) - 1/\log_2(1 + r_j)|` over the
    ideal DCG; ranks are those of the current scores (of equal ones the lower column first), and no
    gradient flows through them. A list of one, or without two labels, has loss 0.

    Args:
        labels: ``[B, L]``, at least 0; a negative label masks its place.
        scores: ``[B, L]``.
        sample_weight: ``[B]`` or ``[B, L]``, 1 by default; a pair weighs as its better item.
        lambda_weight: ``"ndcg"`` for LambdaRank, None for RankNet.
        k: with it, the NDCG of the first ``k`` places; None for the whole list.
        gain: with it, ``"exponential"`` for ``2^y - 1`` or ``"linear"`` for ``y``.

    Returns:
        A scalar, the weighted mean over lists; 0 where all weights are. Memory grows with
        ``B L^2``.

    Raises:
        ConfigError: an option is wrong.
        DataError: the shapes do not fit, or a label is outside its domain (where labels are known:
            inside a compiled step they are not checked).

    Reference: Burges et al. 2005, "Learning to rank using gradient descent"; Burges 2010, "From
    RankNet to LambdaRank to LambdaMART: an overview".

    >>> print(f"{float(pairwise_logistic_loss([[1.0, 0.0, -1.0]], [[2.0, 2.0, 9.0]])):.4f}")
    0.6931
    """
    pairs = _Pairs("pairwise_logistic_loss", labels, scores, sample_weight)
    return pairs.mean(ops.softplus(-pairs.margins), lambda_weight, k, gain)


def pairwise_hinge_loss(
    labels: Tensor,
    scores: Tensor,
    sample_weight: Tensor | None = None,
    *,
    margin: float = 1.0,
    lambda_weight: LambdaWeight | None = None,
    k: int | None = None,
    gain: str = "exponential",
) -> Tensor:
    r"""How far the better item of every pair falls short of being ``margin`` above the other.

    .. math:: \ell_b = \sum_{i, j:\, y_{bi} > y_{bj}} \lambda_{bij}
              \max(0, m - z_{bi} + z_{bj})

    All else is as in `pairwise_logistic_loss`.

    Args:
        labels: ``[B, L]``, at least 0; a negative label masks its place.
        scores: ``[B, L]``.
        sample_weight: ``[B]`` or ``[B, L]``, 1 by default.
        margin: ``m``.
        lambda_weight: see `pairwise_logistic_loss`.
        k: see `pairwise_logistic_loss`.
        gain: see `pairwise_logistic_loss`.

    Reference: Herbrich et al. 1999, "Support vector learning for ordinal regression".

    >>> float(pairwise_hinge_loss([[1.0, 0.0, 0.0]], [[2.0, 2.0, 0.0]]))
    0.5
    """
    pairs = _Pairs("pairwise_hinge_loss", labels, scores, sample_weight)
    return pairs.mean(ops.relu(margin - pairs.margins), lambda_weight, k, gain)


class _Pairs:
    """``margins[b, i, j] = z[b, i] - z[b, j]``, of which those count where ``y[i] > y[j]``."""

    def __init__(self, name: str, labels: Tensor, scores: Tensor, weight: Tensor | None) -> None:
        self.name = name
        self.lists = Lists.of(name, labels, scores, weight)
        known = self.lists.known
        both = ops.logical_and(known[:, :, None], known[:, None, :])
        better = self.lists.labels[:, :, None] > self.lists.labels[:, None, :]
        self.counted = ops.logical_and(better, both)
        # Finite whatever the scores of pairs that do not count.
        margins = self.lists.scores[:, :, None] - self.lists.scores[:, None, :]
        self.margins = ops.where(self.counted, margins, 0)

    def mean(self, losses: Tensor, lambda_weight: str | None, k: int | None, gain: str) -> Tensor:
        if lambda_weight not in (None, "ndcg"):
            raise ConfigError(
                f"{self.name} expected lambda_weight to be 'ndcg' or None; received "
                f"{lambda_weight!r}.{nearest(str(lambda_weight), ['ndcg'])}"
            )
        if k is not None and k < 1:
            raise ConfigError(f"{self.name} expected k of 1 or more, or None; received {k!r}.")
        if lambda_weight is None:
            number = ops.sum(ops.cast(self.counted, losses.dtype), axis=(1, 2), keepdims=True)
            weights = 1 / ops.maximum(number, 1)
        else:
            weights = self._changes(k, gain)
        return self.lists.mean(ops.sum(ops.where(self.counted, losses * weights, 0), axis=2))

    def _changes(self, k: int | None, gain: str) -> Tensor:
        """How much NDCG changes if two items are swapped, ``[B, L, L]``."""
        lists = self.lists
        gains = gain_of(self.name, lists.labels, gain)
        discount = discounts(list_ranks(lists.scores, lists.known), k)
        change = (gains[:, :, None] - gains[:, None, :]) * (
            discount[:, :, None] - discount[:, None, :]
        )
        return ops.stop_gradient(ops.abs(change) / ideal_dcg(gains, lists.known, k)[:, :, None])

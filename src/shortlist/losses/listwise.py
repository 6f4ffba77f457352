"""Losses of whole lists: how likely an order is; see `losses.lists` for masks and weights."""

from __future__ import annotations

from typing import Any

from keras import ops

from shortlist.losses.lists import Lists

Tensor = Any

__all__ = ["list_mle_loss", "softmax_loss"]

# A finite stand-in for minus infinity: the softmax of a list that is all masked has no NaN.
_NOWHERE = -1e9


def softmax_loss(labels: Tensor, scores: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    r"""The cross-entropy between a list's labels and the softmax of its scores (ListNet, top one).

    .. math:: \ell_b = -\sum_i \frac{y_{bi}}{\sum_j y_{bj}}
              \log \frac{\exp z_{bi}}{\sum_j \exp z_{bj}}

    Args:
        labels: ``[B, L]``, gains of at least 0; a negative label masks its place. A list without a
            positive label has loss 0.
        scores: ``[B, L]`` logits.
        sample_weight: ``[B]`` or ``[B, L]``, 1 by default.

    Returns:
        A scalar, the weighted mean over lists; 0 where all weights are.

    Raises:
        DataError: the shapes do not fit, or a label is NaN or infinite (where labels are known:
            inside a compiled step the loss becomes NaN).

    Reference: Cao et al. 2007, "Learning to rank: from pairwise approach to listwise approach",
    with labels in place of their softmax: Bruch et al. 2019, "An analysis of the softmax cross
    entropy loss for learning-to-rank with binary relevance".

    >>> import numpy as np
    >>> labels = np.array([[1.0, 0.0, -1.0]])
    >>> print(f"{float(softmax_loss(labels, np.array([[0.0, 0.0, 9.0]]))):.4f}")    # log 2
    0.6931
    """
    lists = Lists.of("softmax_loss", labels, scores, sample_weight)
    total = ops.sum(lists.labels, axis=1, keepdims=True)
    masked = ops.where(lists.known, lists.scores, _NOWHERE)
    share = lists.labels / ops.where(total > 0, total, 1)
    return lists.mean(-share * ops.where(lists.known, ops.log_softmax(masked, axis=1), 0))


def list_mle_loss(labels: Tensor, scores: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    r"""How unlikely the order of the labels is, if items are drawn one by one by their scores.

    With ``pi`` the order of descending labels (of equal labels the lower column first), under the
    model of Plackett and Luce:

    .. math:: \ell_b = -\sum_{n=1}^{L} \log \frac{\exp z_{b\pi(n)}}{\sum_{m \ge n} \exp z_{b\pi(m)}}

    The sums run over the items that are not masked. Memory grows with ``B L^2``.

    Arguments, result and errors are those of `softmax_loss`; labels only say the order.

    Args:
        labels: ``[B, L]``, at least 0; a negative label masks its place.
        scores: ``[B, L]`` logits.
        sample_weight: ``[B]`` or ``[B, L]``, 1 by default.

    Reference: Xia et al. 2008, "Listwise approach to learning to rank: theory and algorithm".

    >>> import numpy as np
    >>> print(f"{float(list_mle_loss([[2.0, 1.0, 0.0]], np.zeros((1, 3)))):.4f}")    # log 3!
    1.7918
    """
    lists = Lists.of("list_mle_loss", labels, scores, sample_weight)
    columns = ops.arange(lists.scores.shape[1])
    mine, others = lists.labels[:, :, None], lists.labels[:, None, :]
    tied = ops.logical_and(mine == others, columns[None, None, :] >= columns[None, :, None])
    left = ops.logical_and(ops.logical_or(others < mine, tied), lists.known[:, None, :])
    rivals = ops.logsumexp(ops.where(left, lists.scores[:, None, :], _NOWHERE), axis=2)
    return lists.mean(rivals - lists.scores)

"""What the losses on lists share: masks, weights, ranks and gains.

A list is a row of ``labels`` and ``scores`` ``[B, L]``. A label below 0 masks its place: it is
neither an item nor a competitor, whatever its score. The names of these losses end in ``_loss``,
which tells them from the losses of retrieval (`losses.pairwise`, `losses.pointwise`), whose rows
hold one positive and its negatives.

Every loss is a sum of what each item contributes, ``l[b] = sum_i c[b, i]``, and the losses of the
lists are averaged::

    loss = sum_b sum_i w[b, i] c[b, i] / sum_b v[b]

``sample_weight`` may be ``[B]``, a weight for every list (``w[b, i] = v[b]``), or ``[B, L]``, a
weight for every item; then a list weighs as much as its items do on average. A list that is masked
as a whole takes no part. Where nothing takes part, or all weights are 0, the loss is 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, DataError, nearest

Tensor = Any

__all__ = ["Lists", "concrete", "discounts", "gain_of", "ideal_dcg", "list_ranks", "required"]

_GAINS = ("exponential", "linear")
# 2^30 is still exact in float32, and no scale of grades has so many.
_LARGEST_GRADE = 30


class Lists(NamedTuple):
    """Labels, 0 where masked, scores, and which places hold an item, ``[B, L]`` each."""

    labels: Tensor
    scores: Tensor
    known: Tensor
    weight: Tensor | None

    @classmethod
    def of(
        cls, name: str, labels: Tensor, scores: Tensor, sample_weight: Tensor | None = None
    ) -> Lists:
        """Check and read the arguments of the loss ``name``; scores are at least float32."""
        labels, scores = required(name, labels, scores)
        if len(scores.shape) != 2 or tuple(labels.shape) != tuple(scores.shape):
            raise DataError(
                f"{name} expected labels and scores of one shape [B, L]; received "
                f"{tuple(labels.shape)} and {tuple(scores.shape)}."
            )
        if scores.shape[1] == 0:
            raise DataError(f"{name} expected lists of at least one place; received [B, 0].")
        known = labels >= 0
        # A masked score must not overflow on its way to being dropped.
        shown = ops.where(known, scores, 0)
        weight = None if sample_weight is None else _weight(name, sample_weight, scores)
        return cls(ops.where(known, labels, 0), shown, known, weight)

    def mean(self, contributions: Tensor) -> Tensor:
        """The loss of what each item contributes, ``[B, L]``; see the module."""
        one = ops.cast(self.known, contributions.dtype)
        size = ops.sum(one, axis=1)
        contributions = ops.where(self.known, contributions, 0)
        if self.weight is None:
            total, lists = ops.sum(contributions), ops.cast(size > 0, contributions.dtype)
        else:
            weights = self.weight * one
            total = ops.sum(weights * contributions)
            lists = ops.sum(weights, axis=1) / ops.maximum(size, 1)
        weight = ops.sum(lists)
        return total / ops.where(weight > 0, weight, 1)


def required(name: str, labels: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Labels and scores as tensors of one floating type, labels checked to be numbers."""
    values = concrete(labels)
    if values is not None and not np.isfinite(values).all():
        raise DataError(
            f"{name} expected labels that are finite numbers; received "
            f"{values[~np.isfinite(values)].flat[0]}. Mask a missing label with -1."
        )
    scores = ops.convert_to_tensor(scores)
    if keras.backend.standardize_dtype(scores.dtype) not in ("float32", "float64"):
        scores = ops.cast(scores, "float32")
    return ops.cast(labels, scores.dtype), scores


def concrete(values: Tensor) -> np.ndarray | None:
    """The numbers of an array in memory; None inside a compiled step, where none are known yet."""
    try:
        return np.asarray(values, dtype=np.float64)
    # JAX raises the one of a tensor that is being traced, TensorFlow and PyTorch the other.
    except (TypeError, RuntimeError):
        return None


def list_ranks(scores: Tensor, known: Tensor) -> Tensor:
    """The rank, from 1, of each place in its list ``[B, L]``; masked places compete with nobody.

    Of equal scores the lower column comes first, as everywhere in the library. It counts the pairs
    of a list, so memory grows with ``B L^2``; no gradient flows through a rank.
    """
    scores = ops.stop_gradient(scores)
    above = scores[:, None, :] > scores[:, :, None]
    columns = ops.arange(scores.shape[1])
    before = ops.logical_and(
        scores[:, None, :] == scores[:, :, None], columns[None, None, :] < columns[None, :, None]
    )
    ahead = ops.logical_and(ops.logical_or(above, before), known[:, None, :])
    return 1 + ops.sum(ops.cast(ahead, scores.dtype), axis=2)


def discounts(ranks: Tensor, k: int | None = None) -> Tensor:
    """``1 / log2(1 + rank)``, and 0 beyond the first ``k``."""
    values = float(np.log(2.0)) / ops.log1p(ranks)
    return values if k is None else ops.where(ranks <= k, values, 0)


def gain_of(name: str, labels: Tensor, gain: str) -> Tensor:
    """The gain of each label: ``2^y - 1`` (exponential) or ``y`` itself (linear)."""
    if gain not in _GAINS:
        raise ConfigError(
            f"{name} expected gain to be one of {_GAINS}; received {gain!r}.{nearest(gain, _GAINS)}"
        )
    if gain == "linear":
        return labels
    values = concrete(labels)
    if values is not None and values.size and values.max() > _LARGEST_GRADE:
        raise DataError(
            f"{name} expected labels of at most {_LARGEST_GRADE}, since a label y gains 2^y - 1; "
            f'received {values.max():g}. Pass gain="linear", or fewer grades.'
        )
    return 2.0**labels - 1.0


def ideal_dcg(gains: Tensor, known: Tensor, k: int | None = None) -> Tensor:
    """The discounted gain ``[B, 1]`` of the best order there is, 1 where nothing is to be gained.

    A list without gain so has the NDCG 0, and no gradient.
    """
    best = ops.sum(gains * discounts(list_ranks(gains, known), k), axis=1, keepdims=True)
    return ops.stop_gradient(ops.where(best > 0, best, 1))


def _weight(name: str, sample_weight: Tensor, scores: Tensor) -> Tensor:
    weight = ops.cast(sample_weight, scores.dtype)
    shape = tuple(weight.shape)
    if len(shape) == 2 and shape[1] in (1, scores.shape[1]):
        return weight
    if len(shape) > 1:
        raise DataError(
            f"{name} expected sample_weight of shape [B] or [B, L] with scores of shape "
            f"{tuple(scores.shape)}; received {shape}."
        )
    return ops.reshape(weight, (-1, 1))

"""Keras metrics of scored lists ``[B, L]``: NDCG, MRR, MAP, precision, recall and hits.

Each is the mean over lists of what `shortlist.metrics.list_metrics` says of them: a label below 0
masks its place, items are ordered by score and of equal scores the lower column comes first, and a
list without a relevant item is left out. ``sample_weight`` is ``[B]``, or ``[B, L]``, in which case
a list weighs as its items do on average. Exact over batches; 0 without lists. Ranks are counted in
pairs, so memory grows with ``B L^2``.
"""

from __future__ import annotations

import abc
from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras
from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses.lists import Lists, discounts, gain_of, ideal_dcg, list_ranks

Tensor = Any

__all__ = [
    "NDCG",
    "HitRate",
    "MeanAveragePrecision",
    "MeanReciprocalRank",
    "PrecisionAtK",
    "RecallAtK",
]


class _OfLists(keras.metrics.Metric, abc.ABC):
    """A mean over lists; subclasses give a value for each list.

    Args:
        k: how many places count; None for the whole list.
        name: the metric's name; by default its own and ``_at_k``.
    """

    _called = ""

    def __init__(self, k: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if k is not None and k < 1:
            raise ConfigError(
                f"{type(self).__name__} expected k of 1 or more, or None for the whole list; "
                f"received {k!r}."
            )
        called = self._called if k is None else f"{self._called}_at_{k}"
        super().__init__(name=name or called, **kwargs)
        self.k = k
        self._total = self.add_variable((), "zeros", name="total")
        self._weight = self.add_variable((), "zeros", name="weight")

    @abc.abstractmethod
    def values(self, labels: Tensor, hits: Tensor, ranks: Tensor, known: Tensor) -> Tensor:
        """The value ``[B]`` of lists with labels (0 where masked), hits (0, 1) and ranks."""

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        """Measure the lists of one batch."""
        lists = Lists.of(type(self).__name__, y_true, y_pred, sample_weight)
        ranks = list_ranks(lists.scores, lists.known)
        hits = ops.cast(lists.labels > 0, ranks.dtype)
        values = self.values(lists.labels, hits, ranks, lists.known)
        one = ops.cast(lists.known, ranks.dtype)
        weight = one if lists.weight is None else one * lists.weight
        weight = ops.sum(weight, axis=1) / ops.maximum(ops.sum(one, axis=1), 1)
        weight = weight * ops.cast(ops.any(lists.labels > 0, axis=1), ranks.dtype)
        self._total.assign_add(ops.cast(ops.sum(weight * values), "float32"))
        self._weight.assign_add(ops.cast(ops.sum(weight), "float32"))

    def result(self) -> Tensor:
        """The mean over lists so far."""
        return self._total / ops.maximum(self._weight, 1e-12)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "k": self.k}

    def _within(self, ranks: Tensor) -> Tensor:
        """1 where a rank is among the first ``k``, else 0."""
        return ops.ones_like(ranks) if self.k is None else ops.cast(ranks <= self.k, ranks.dtype)


@keras.saving.register_keras_serializable(package="shortlist")
class NDCG(_OfLists):
    """The mean NDCG, with grades.

    Args:
        k: how many places count; None for the whole list.
        gain: ``"exponential"`` for ``2^label - 1`` or ``"linear"`` for the label.
        name: the metric's name; by default ``ndcg_at_k``.

    >>> import numpy as np
    >>> metric = NDCG(k=2)
    >>> metric.update_state(np.array([[0.0, 1.0, 0.0]]), np.array([[0.3, 0.2, 0.1]]))
    >>> print(metric.name, f"{float(metric.result()):.3f}")
    ndcg_at_2 0.631
    """

    _called = "ndcg"

    def __init__(
        self,
        k: int | None = None,
        gain: str = "exponential",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(k, name, **kwargs)
        self.gain = gain

    def values(self, labels: Tensor, hits: Tensor, ranks: Tensor, known: Tensor) -> Tensor:  # noqa: ARG002
        """See the class."""
        gains = gain_of("NDCG", labels, self.gain)
        ideal = ideal_dcg(gains, known, self.k)[:, 0]
        return ops.sum(gains * discounts(ranks, self.k), axis=1) / ideal

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "gain": self.gain}


@keras.saving.register_keras_serializable(package="shortlist")
class MeanReciprocalRank(_OfLists):
    """One over the rank of the first relevant item, averaged; 0 where it is beyond ``k``."""

    _called = "mrr"

    def values(self, labels: Tensor, hits: Tensor, ranks: Tensor, known: Tensor) -> Tensor:  # noqa: ARG002
        """See the class."""
        return ops.max(hits * self._within(ranks) / ranks, axis=1)


@keras.saving.register_keras_serializable(package="shortlist")
class MeanAveragePrecision(_OfLists):
    """The precision at the rank of each relevant item within ``k``, over ``min(k, relevant)``."""

    _called = "map"

    def values(self, labels: Tensor, hits: Tensor, ranks: Tensor, known: Tensor) -> Tensor:  # noqa: ARG002
        """See the class."""
        not_below = ops.cast(ranks[:, None, :] <= ranks[:, :, None], ranks.dtype)
        precisions = ops.sum(not_below * hits[:, None, :], axis=2) / ranks
        relevant = ops.sum(hits, axis=1)
        best = relevant if self.k is None else ops.minimum(relevant, self.k)
        found = ops.sum(precisions * hits * self._within(ranks), axis=1)
        return found / ops.maximum(best, 1)


@keras.saving.register_keras_serializable(package="shortlist")
class PrecisionAtK(_OfLists):
    """The share of the first ``k`` places (None: of the items) that hold a relevant item."""

    _called = "precision"

    def values(self, labels: Tensor, hits: Tensor, ranks: Tensor, known: Tensor) -> Tensor:  # noqa: ARG002
        """See the class."""
        found = ops.sum(hits * self._within(ranks), axis=1)
        if self.k is not None:
            return found / self.k
        return found / ops.maximum(ops.sum(ops.cast(known, ranks.dtype), axis=1), 1)


@keras.saving.register_keras_serializable(package="shortlist")
class RecallAtK(_OfLists):
    """The share of a list's relevant items that stand in the first ``k`` places."""

    _called = "recall"

    def values(self, labels: Tensor, hits: Tensor, ranks: Tensor, known: Tensor) -> Tensor:  # noqa: ARG002
        """See the class."""
        found = ops.sum(hits * self._within(ranks), axis=1)
        return found / ops.maximum(ops.sum(hits, axis=1), 1)


@keras.saving.register_keras_serializable(package="shortlist")
class HitRate(_OfLists):
    """1 where at least one of the first ``k`` places holds a relevant item, averaged."""

    _called = "hit_rate"

    def values(self, labels: Tensor, hits: Tensor, ranks: Tensor, known: Tensor) -> Tensor:  # noqa: ARG002
        """See the class."""
        return ops.max(hits * self._within(ranks), axis=1)

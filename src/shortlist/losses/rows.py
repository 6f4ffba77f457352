"""What the losses on rows of one positive and its negatives share."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses.correction import EXCLUDED

Tensor = Any

__all__ = ["Rows", "weighted_mean"]


class Rows(NamedTuple):
    """Logits ``[B, C]``, each row's positive logit ``[B]`` and where its negatives are."""

    logits: Tensor
    positive: Tensor
    negative: Tensor

    @classmethod
    def of(cls, labels: Tensor, logits: Tensor) -> Rows:
        """Read labels 1, 0 and -1: positive, negative, no part; and logits, at least float32."""
        logits = ops.convert_to_tensor(logits)
        if keras.backend.standardize_dtype(logits.dtype) in ("float16", "bfloat16"):
            logits = ops.cast(logits, "float32")
        labels = ops.cast(labels, logits.dtype)
        if tuple(labels.shape) != tuple(logits.shape) or len(logits.shape) != 2:
            raise ConfigError(
                "Expected labels and logits of one shape [B, C]; received "
                f"{tuple(labels.shape)} and {tuple(logits.shape)}."
            )
        positive = ops.sum(ops.where(labels > 0, logits, 0), axis=1)
        negative = ops.logical_and(ops.equal(labels, 0), logits > EXCLUDED / 2)
        # What takes no part must not overflow on its way to being dropped.
        return cls(ops.where(labels < 0, 0, logits), positive, negative)

    def sum_over_negatives(self, values: Tensor) -> Tensor:
        """``[B]``, of ``values`` ``[B, C]``."""
        return ops.sum(ops.where(self.negative, values, 0), axis=1)

    def mean_over_negatives(self, values: Tensor) -> Tensor:
        """``[B]``, of ``values`` ``[B, C]``; 0 without negatives."""
        return self.sum_over_negatives(values) / ops.maximum(self.size(), 1)

    def size(self) -> Tensor:
        """How many negatives each row has, ``[B]``."""
        return ops.sum(ops.cast(self.negative, self.logits.dtype), axis=1)


def weighted_mean(losses: Tensor, sample_weight: Tensor | None) -> Tensor:
    """The mean of ``losses`` ``[B]`` by weight, 0 where all weights are."""
    if sample_weight is None:
        return ops.mean(losses)
    weight = ops.reshape(ops.cast(sample_weight, losses.dtype), (-1,))
    total = ops.sum(weight)
    return ops.sum(weight * losses) / ops.where(total > 0, total, 1)

"""Layers that change logits before a loss."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from shortlist.losses import correct_sampling, mine_hard_negatives, remove_accidental_hits

__all__ = [
    "MAX_FLOAT",
    "MIN_FLOAT",
    "HardNegativeMining",
    "RemoveAccidentalHits",
    "SamplingProbabilityCorrection",
    "SamplingProbablityCorrection",
]

MAX_FLOAT = np.finfo(np.float32).max / 100.0
MIN_FLOAT = np.finfo(np.float32).min / 100.0


class HardNegativeMining(keras.layers.Layer):
    """`shortlist.losses.mine_hard_negatives` as a layer.

    Args:
        num_hard_negatives: how many negatives to keep; all of them where it is not positive.
    """

    def __init__(self, num_hard_negatives: int) -> None:
        super().__init__(dtype="float32", autocast=False)
        self._num_hard_negatives = num_hard_negatives
        self.built = True

    def call(self, logits: Any, labels: Any) -> tuple[Any, Any]:
        """Logits and labels ``[B, num_hard_negatives + 1]``, from ``[B, C]``."""
        return mine_hard_negatives(logits, labels, self._num_hard_negatives)


class RemoveAccidentalHits(keras.layers.Layer):
    """`shortlist.losses.remove_accidental_hits` as a layer."""

    def __init__(self) -> None:
        super().__init__(dtype="float32", autocast=False)
        self.built = True

    def call(self, labels: Any, logits: Any, candidate_ids: Any) -> Any:
        """Logits ``[B, C]`` without the hits, from labels and logits ``[B, C]`` and ids ``[C]``."""
        return remove_accidental_hits(labels, logits, candidate_ids)


class SamplingProbabilityCorrection(keras.layers.Layer):
    """`shortlist.losses.correct_sampling` as a layer."""

    def __init__(self) -> None:
        super().__init__(dtype="float32", autocast=False)
        self.built = True

    def call(self, logits: Any, candidate_sampling_probability: Any) -> Any:
        """Corrected logits ``[B, C]``, from logits and probabilities ``[C]``."""
        return correct_sampling(logits, candidate_sampling_probability)


#: The name as TensorFlow Recommenders spells it.
SamplingProbablityCorrection = SamplingProbabilityCorrection

"""Losses for retrieval: functions of embeddings or scores, and the little state some of them need.

    log_q = log_probability(counts)[item_codes]
    loss = sampled_softmax(queries, candidates, candidate_ids=item_codes, log_q=log_q)

`shortlist.tasks.Retrieval` composes them.
"""

from __future__ import annotations

from shortlist import _backend  # noqa: F401  # isort: skip
from shortlist.losses.correction import (
    EXCLUDED,
    StreamingFrequency,
    correct_sampling,
    log_probability,
    mine_hard_negatives,
    remove_accidental_hits,
)
from shortlist.losses.masks import unseen_mask
from shortlist.losses.negatives import (
    CrossBatchNegatives,
    explicit_negatives,
    mixed_log_probability,
)
from shortlist.losses.pairwise import bpr, hinge, warp
from shortlist.losses.pointwise import binary_cross_entropy, cosine_contrastive
from shortlist.losses.softmax import sampled_softmax
from shortlist.losses.temperature import LearnedTemperature

__all__ = [
    "EXCLUDED",
    "CrossBatchNegatives",
    "LearnedTemperature",
    "StreamingFrequency",
    "binary_cross_entropy",
    "bpr",
    "correct_sampling",
    "cosine_contrastive",
    "explicit_negatives",
    "hinge",
    "log_probability",
    "mine_hard_negatives",
    "mixed_log_probability",
    "remove_accidental_hits",
    "sampled_softmax",
    "unseen_mask",
    "warp",
]

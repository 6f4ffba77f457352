"""Losses: functions of embeddings or scores, and the little state some of them need.

For retrieval, composed by `shortlist.tasks.Retrieval`::

    log_q = log_probability(counts)[item_codes]
    loss = sampled_softmax(queries, candidates, candidate_ids=item_codes, log_q=log_q)

For ranking lists ``[B, L]``, in which a negative label masks its place, taken by
`shortlist.tasks.Ranking` as they are or by name; their names end in ``_loss``::

    loss = pairwise_logistic_loss(labels, scores, lambda_weight="ndcg")     # LambdaRank
    task = Ranking("approx_ndcg")
"""

from __future__ import annotations

from shortlist import _backend  # noqa: F401  # isort: skip
from shortlist.losses.approx_ndcg import approx_ndcg_loss, gumbel_approx_ndcg_loss
from shortlist.losses.correction import (
    EXCLUDED,
    StreamingFrequency,
    correct_sampling,
    log_probability,
    mine_hard_negatives,
    remove_accidental_hits,
)
from shortlist.losses.list_pairwise import pairwise_hinge_loss, pairwise_logistic_loss
from shortlist.losses.list_pointwise import (
    CumulativeLogits,
    mean_squared_loss,
    ordinal_loss,
    sigmoid_cross_entropy_loss,
)
from shortlist.losses.listwise import list_mle_loss, softmax_loss
from shortlist.losses.masks import unseen_mask
from shortlist.losses.named import LIST_LOSSES
from shortlist.losses.negatives import (
    CrossBatchNegatives,
    explicit_negatives,
    mixed_log_probability,
)
from shortlist.losses.pairwise import bpr, hinge, warp
from shortlist.losses.pointwise import binary_cross_entropy, cosine_contrastive
from shortlist.losses.propensity import inverse_propensity_weights, position_propensity
from shortlist.losses.softmax import sampled_softmax
from shortlist.losses.temperature import LearnedTemperature

__all__ = [
    "EXCLUDED",
    "LIST_LOSSES",
    "CrossBatchNegatives",
    "CumulativeLogits",
    "LearnedTemperature",
    "StreamingFrequency",
    "approx_ndcg_loss",
    "binary_cross_entropy",
    "bpr",
    "correct_sampling",
    "cosine_contrastive",
    "explicit_negatives",
    "gumbel_approx_ndcg_loss",
    "hinge",
    "inverse_propensity_weights",
    "list_mle_loss",
    "log_probability",
    "mean_squared_loss",
    "mine_hard_negatives",
    "mixed_log_probability",
    "ordinal_loss",
    "pairwise_hinge_loss",
    "pairwise_logistic_loss",
    "position_propensity",
    "remove_accidental_hits",
    "sampled_softmax",
    "sigmoid_cross_entropy_loss",
    "softmax_loss",
    "unseen_mask",
    "warp",
]

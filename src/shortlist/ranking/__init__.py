"""Rankers by name, boosted trees as their rival, and what a ranker has learned.

    ranker = make_ranker("dcn_v2", encoder, cross_layers=3)     # any of RANKERS
    ranker.compile("adam"); ranker.fit(batch); ranker.score(batch)

    permutation_importance(ranker, batch, labels, metric=auc)   # which features matter
    cross_strengths(ranker)                                     # which crosses a DCNv2 learned
    importance_figure(...), cross_figure(...)                   # both as Vega-Lite

Nothing here loads a training framework before a ranker that needs one is asked for.
"""

from __future__ import annotations

from shortlist.ranking.boosted import BoostedTrees
from shortlist.ranking.crosses import cross_figure, cross_strengths
from shortlist.ranking.importance import importance_figure, permutation_importance
from shortlist.ranking.registry import RANKERS, make_ranker, ranker_class, ranker_name

__all__ = [
    "RANKERS",
    "BoostedTrees",
    "cross_figure",
    "cross_strengths",
    "importance_figure",
    "make_ranker",
    "permutation_importance",
    "ranker_class",
    "ranker_name",
]

"""Any callable from queries to `Ranked`, over a split, beside popularity.

    split = by_user_time(interactions)
    report = evaluate({"ease": EASE().fit(split.train)}, split)
    print(report.table())
    report.comparisons("ndcg@10")                # every pair of models, user by user

What is asked, what counts as found and what is left out is said in `evaluate`.
"""

from __future__ import annotations

from shortlist.evaluation.evaluate import evaluate
from shortlist.evaluation.report import Report
from shortlist.evaluation.rounds import over_rounds, pool
from shortlist.evaluation.sampled import SampledMetricsWarning
from shortlist.evaluation.seeds import Spread, average, spread
from shortlist.evaluation.statistics import Comparison
from shortlist.evaluation.truth import Truth

__all__ = [
    "Comparison",
    "Report",
    "SampledMetricsWarning",
    "Spread",
    "Truth",
    "average",
    "evaluate",
    "over_rounds",
    "pool",
    "spread",
]

"""Any callable from queries to `Ranked`, over a split, beside popularity.

split = by_user_time(interactions)
report = evaluate({"ease": EASE().fit(split.train)}, split)
print(report.table())
"""

from __future__ import annotations

from shortlist.evaluation.evaluate import evaluate
from shortlist.evaluation.report import Report
from shortlist.evaluation.truth import Truth

__all__ = ["Report", "Truth", "evaluate"]

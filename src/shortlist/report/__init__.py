"""What was measured, for people: figures and a page that opens anywhere, without a network.

study = Study("My models", report, "ndcg@10", DataFacts.of(interactions))
Path("report.html").write_text(html(study), encoding="utf-8")
"""

from __future__ import annotations

from shortlist.report.facts import DataFacts
from shortlist.report.page import html
from shortlist.report.study import Cost, Example, Place, Study, Tuned

__all__ = ["Cost", "DataFacts", "Example", "Place", "Study", "Tuned", "html"]

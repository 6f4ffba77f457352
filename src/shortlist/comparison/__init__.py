"""Models and baselines on one split, tuned with the same budget, and told apart honestly.

config = ComparisonConfig.from_toml("compare.toml")
compared = ComparisonJob(config).run()
compared.study.report.comparisons("ndcg@10")
"""

from __future__ import annotations

from shortlist.comparison.config import CompareSection, ComparisonConfig
from shortlist.comparison.job import Compared, ComparisonJob

__all__ = ["CompareSection", "Compared", "ComparisonConfig", "ComparisonJob"]

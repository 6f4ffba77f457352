"""Tasks: embeddings or predictions, and labels, to a loss and metrics.

self.task = Retrieval(metrics=FactorizedTopK(candidates))
...
return self.task(query_embeddings, candidate_embeddings)      # in compute_loss
"""

from __future__ import annotations

from shortlist import _backend  # noqa: F401  # isort: skip
from shortlist.tasks.base import Task
from shortlist.tasks.ranking import Ranking
from shortlist.tasks.retrieval import Retrieval

__all__ = ["Ranking", "Retrieval", "Task"]

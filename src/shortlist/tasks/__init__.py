"""Tasks: embeddings or predictions, and labels, to a loss and metrics.

self.task = Retrieval(metrics=FactorizedTopK(candidates))
...
return self.task(query_embeddings, candidate_embeddings)      # in compute_loss

`MultiTask` adds up several of them; `PositionBias` and the functions of the entire space stand
between a model's logits and a task.
"""

from __future__ import annotations

from shortlist import _backend  # noqa: F401  # isort: skip
from shortlist.tasks.base import Task
from shortlist.tasks.entire_space import entire_space_labels, entire_space_logits
from shortlist.tasks.multi_task import MultiTask
from shortlist.tasks.position import PositionBias
from shortlist.tasks.ranking import Ranking
from shortlist.tasks.retrieval import Retrieval

__all__ = [
    "MultiTask",
    "PositionBias",
    "Ranking",
    "Retrieval",
    "Task",
    "entire_space_labels",
    "entire_space_logits",
]

"""Tasks."""

from __future__ import annotations

from shortlist.tasks import Ranking, Retrieval, Task

__all__ = ["Ranking", "Retrieval", "Task"]

"""Labels and predictions to a loss."""

from __future__ import annotations

from shortlist.tasks import Ranking

__all__ = ["Ranking"]

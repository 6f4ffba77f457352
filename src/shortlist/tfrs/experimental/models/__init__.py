"""Models that TensorFlow Recommenders calls experimental."""

from __future__ import annotations

from shortlist.models import InteractionRanking as Ranking

__all__ = ["Ranking"]

"""A ranking model of exchangeable blocks."""

from __future__ import annotations

from shortlist.models import InteractionRanking as Ranking

__all__ = ["Ranking"]

"""Queries and candidates to a loss."""

from __future__ import annotations

from shortlist.tasks import Retrieval

__all__ = ["Retrieval"]

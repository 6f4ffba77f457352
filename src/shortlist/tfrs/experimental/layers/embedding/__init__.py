"""Embedding tables."""

from __future__ import annotations

from shortlist.layers import PartialTPUEmbedding

__all__ = ["PartialTPUEmbedding"]

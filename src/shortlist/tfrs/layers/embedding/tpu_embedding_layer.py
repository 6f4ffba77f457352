"""Embedding tables that features share."""

from __future__ import annotations

from shortlist.layers import TPUEmbedding

__all__ = ["TPUEmbedding"]

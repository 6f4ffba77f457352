"""Many features in a few tables."""

from __future__ import annotations

from shortlist.layers import UnifiedEmbedding, UnifiedEmbeddingConfig

__all__ = ["UnifiedEmbedding", "UnifiedEmbeddingConfig"]

"""Embedding tables that features share, for a TPU and without one."""

from __future__ import annotations

from shortlist.layers import FeatureConfig, TableConfig, TPUEmbedding

__all__ = ["FeatureConfig", "TPUEmbedding", "TableConfig"]

"""Layers."""

from __future__ import annotations

from shortlist.tfrs.layers import blocks, dcn, factorized_top_k, feature_interaction, loss

__all__ = ["blocks", "dcn", "factorized_top_k", "feature_interaction", "loss"]

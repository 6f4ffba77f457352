"""Layers."""

from __future__ import annotations

from shortlist.tfrs.layers import dcn, factorized_top_k, feature_interaction, loss

__all__ = ["dcn", "factorized_top_k", "feature_interaction", "loss"]

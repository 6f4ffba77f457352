"""Layers that let features interact."""

from __future__ import annotations

from shortlist.layers import Cross, DotInteraction, MultiLayerDCN

__all__ = ["Cross", "DotInteraction", "MultiLayerDCN"]

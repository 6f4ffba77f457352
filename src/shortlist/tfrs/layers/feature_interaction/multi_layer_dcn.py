"""Several cross layers as one."""

from __future__ import annotations

from shortlist.layers import MultiLayerDCN

__all__ = ["MultiLayerDCN"]

"""Blocks that models are built of."""

from __future__ import annotations

from shortlist.layers import MLP

__all__ = ["MLP"]

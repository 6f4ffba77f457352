"""The dot products of all pairs of features."""

from __future__ import annotations

from shortlist.layers import DotInteraction

__all__ = ["DotInteraction"]

"""Layers."""

from __future__ import annotations

from shortlist.tfrs.layers import factorized_top_k

__all__ = ["factorized_top_k"]

"""Layers that let features interact."""

from __future__ import annotations

from shortlist.layers import Cross

__all__ = ["Cross"]

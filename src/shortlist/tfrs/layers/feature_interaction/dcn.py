"""The Deep & Cross Network."""

from __future__ import annotations

from shortlist.layers import Cross

__all__ = ["Cross"]

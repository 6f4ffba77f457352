"""What TensorFlow Recommenders calls experimental."""

from __future__ import annotations

from shortlist.tfrs.experimental import layers

__all__ = ["layers"]

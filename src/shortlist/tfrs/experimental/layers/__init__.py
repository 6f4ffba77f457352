"""Layers that TensorFlow Recommenders calls experimental."""

from __future__ import annotations

from shortlist.tfrs.experimental.layers import embedding

__all__ = ["embedding"]

"""What TensorFlow Recommenders calls experimental."""

from __future__ import annotations

from shortlist.tfrs.experimental import layers, models, optimizers

__all__ = ["layers", "models", "optimizers"]

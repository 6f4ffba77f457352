"""Optimizers that TensorFlow Recommenders calls experimental."""

from __future__ import annotations

from shortlist.layers import ClippyAdagrad, CompositeOptimizer

__all__ = ["ClippyAdagrad", "CompositeOptimizer"]

"""Different optimizers for different variables."""

from __future__ import annotations

from shortlist.layers import CompositeOptimizer

__all__ = ["CompositeOptimizer"]

"""Metrics."""

from __future__ import annotations

from shortlist.tfrs.metrics.factorized_top_k import Factorized, FactorizedTopK

__all__ = ["Factorized", "FactorizedTopK"]

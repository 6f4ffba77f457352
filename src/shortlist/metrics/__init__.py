"""Metrics: ranked lists and what is true to numbers.

    ndcg(hits, relevant, k=10)                     # NumPy, one value a user
    Retrieval(metrics=FactorizedTopK(candidates))  # within Keras' fit and evaluate

`FactorizedTopK` is loaded when it is first used, as it alone needs Keras.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "Factorized",
    "FactorizedTopK",
    "average_precision",
    "coverage",
    "hit_rate",
    "ndcg",
    "novelty",
    "precision",
    "recall",
    "reciprocal_rank",
]

_KERAS = ("Factorized", "FactorizedTopK")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'shortlist.metrics' has no attribute {name!r}")
    module = "factorized_top_k" if name in _KERAS else "ranking"
    value = getattr(importlib.import_module(f"shortlist.metrics.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

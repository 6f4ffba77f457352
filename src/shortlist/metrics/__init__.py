"""Metrics: ranked lists, scored lists and predictions, and what is true, to numbers.

    ndcg(hits, relevant, k=10)                     # of ranked lists: NumPy, one value a user
    list_metrics(labels, scores, ks=(10,))         # of scored lists with grades and masks
    gauc(clicks, scores, users)                    # of predictions, exact
    Retrieval(metrics=FactorizedTopK(candidates))  # within Keras' fit and evaluate
    Ranking("lambda_rank", metrics=[NDCG(k=10)])

Functions are NumPy in float64; classes are Keras metrics, and loaded when they are first used, as
they alone need Keras.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "AUC",
    "NDCG",
    "CalibrationError",
    "Factorized",
    "FactorizedTopK",
    "GroupedAUC",
    "HitRate",
    "MeanAveragePrecision",
    "MeanReciprocalRank",
    "NormalizedEntropy",
    "PrecisionAtK",
    "RecallAtK",
    "auc",
    "average_precision",
    "calibration_error",
    "coverage",
    "gauc",
    "graded_ndcg",
    "hit_rate",
    "list_metrics",
    "log_loss",
    "mae",
    "ndcg",
    "normalized_entropy",
    "novelty",
    "precision",
    "ranked_labels",
    "recall",
    "reciprocal_rank",
    "rmse",
]

_MODULES = {
    "factorized_top_k": ("Factorized", "FactorizedTopK"),
    "in_lists": (
        "NDCG",
        "HitRate",
        "MeanAveragePrecision",
        "MeanReciprocalRank",
        "PrecisionAtK",
        "RecallAtK",
    ),
    "lists": ("graded_ndcg", "list_metrics", "ranked_labels"),
    "predictions": (
        "auc",
        "calibration_error",
        "gauc",
        "log_loss",
        "mae",
        "normalized_entropy",
        "rmse",
    ),
    "streaming": ("AUC", "CalibrationError", "GroupedAUC", "NormalizedEntropy"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'shortlist.metrics' has no attribute {name!r}")
    module = _MODULE_OF.get(name, "ranking")
    value = getattr(importlib.import_module(f"shortlist.metrics.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

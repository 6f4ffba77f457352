"""Metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shortlist import metrics
from shortlist.metrics import Factorized

__all__ = ["Factorized", "FactorizedTopK"]


class FactorizedTopK(metrics.FactorizedTopK):
    """`shortlist.metrics.FactorizedTopK`, which also measures training batches.

    Args:
        candidates: a top-k layer, or a data set of candidate embeddings or of pairs of identifiers
            and embeddings.
        ks: the values of ``K``.
        name: the first part of the names.
    """

    def __init__(
        self,
        candidates: Any,
        ks: Sequence[int] = (1, 5, 10, 50, 100),
        name: str = "factorized_top_k",
    ) -> None:
        super().__init__(candidates, ks, name, during_training=True)

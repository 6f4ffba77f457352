"""Metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shortlist import metrics

__all__ = ["Factorized", "FactorizedTopK"]


class Factorized(metrics.Factorized):
    """`shortlist.metrics.Factorized`, whose result is a list."""

    def result(self) -> list[Any]:
        """The value of each metric."""
        return [metric.result() for metric in self.metrics]

    def reset_states(self) -> None:
        """Set every metric back."""
        self.reset_state()


class FactorizedTopK(Factorized, metrics.FactorizedTopK):
    """`shortlist.metrics.FactorizedTopK`, which also measures training batches.

    Its result is a list: one value for each of ``ks``.

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

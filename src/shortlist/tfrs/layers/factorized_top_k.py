"""Layers that find the K best candidates."""

from __future__ import annotations

from typing import Any

from shortlist.layers import factorized_top_k as layers
from shortlist.layers.factorized_top_k import BruteForce, Faiss, ScaNN, TopK

__all__ = ["BruteForce", "Faiss", "ScaNN", "Streaming", "TopK"]


class Streaming(layers.Streaming):
    """`shortlist.layers.factorized_top_k.Streaming`, made as TensorFlow Recommenders makes it.

    Args:
        query_model: makes query embeddings of what the layer is called with.
        k: how many candidates, where a call does not say.
        handle_incomplete_batches: taken and not needed; batches of any size are handled.
        num_parallel_calls: taken and not needed.
        sorted_order: taken and not needed; the order is always descending.
    """

    def __init__(
        self,
        query_model: Any = None,
        k: int = 10,
        handle_incomplete_batches: bool = True,  # noqa: ARG002
        num_parallel_calls: int = -1,  # noqa: ARG002
        sorted_order: bool = True,  # noqa: ARG002
    ) -> None:
        super().__init__(query_model, k)

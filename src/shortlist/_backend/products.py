"""Inner products of rows with rows, and rows by number, at the least cost of each framework."""

from __future__ import annotations

from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras
from keras import ops

__all__ = ["products", "rows_at"]


def products(queries: Any, candidates: Any) -> Any:
    """Of ``[B, D]`` and ``[N, D]``: ``[B, N]``.

    `keras.ops` has no product with a transposed matrix, and on TensorFlow a transposed copy of a
    large catalogue takes eight times as long as the product.
    """
    queries, candidates = ops.convert_to_tensor(queries), ops.convert_to_tensor(candidates)
    if keras.backend.backend() != "tensorflow" or queries.dtype != candidates.dtype:
        return ops.matmul(queries, ops.transpose(candidates))
    import tensorflow as tf  # noqa: PLC0415 - only the framework in use is loaded

    return tf.matmul(queries, candidates, transpose_b=True)


def rows_at(values: Any, places: Any) -> Any:
    """The rows of ``values`` at these places, none of them negative, in the shape of ``places``."""
    if keras.backend.backend() != "tensorflow":
        return ops.take(values, places, axis=0)
    import tensorflow as tf  # noqa: PLC0415

    # `ops.take` would make sure of negative places first, which takes longer than the lookup.
    return tf.gather(values, places)

"""Ragged and sparse tensors of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from shortlist._backend.ragged.entries import Entries


def is_ragged(value: Any) -> bool:
    """Whether ``value`` is a ragged or sparse tensor."""
    return isinstance(value, tf.RaggedTensor | tf.SparseTensor)


def entries(ids: Any, weights: Any) -> Entries:
    """What a ragged tensor ``[B, (L)]`` or a sparse one ``[..., L]`` holds."""
    if isinstance(ids, tf.SparseTensor):
        places = tf.cast(ids.indices, "int32")
        sizes = tf.cast(ids.dense_shape[:-1], "int32")
        strides = tf.math.cumprod(sizes, exclusive=True, reverse=True)
        rows = tf.reduce_sum(places[:, :-1] * strides, axis=1)
        held = None if weights is None else weights.values
        shape = _known(ids.shape[:-1], tf.unstack(sizes))
        return Entries(ids.values, held, rows, places[:, -1], shape)
    if ids.shape.rank != 2:
        raise ValueError(
            f"Only ragged tensors of rank 2 can be looked up; received one of rank {ids.shape.rank}"
            ". Merge the inner dimensions with merge_dims(1, -1)."
        )
    rows = ids.value_rowids()
    places = tf.range(tf.size(rows, rows.dtype), dtype=rows.dtype)
    places = tf.cast(places - tf.gather(ids.row_starts(), rows), "int32")
    held = None if weights is None else weights.values
    shape = _known(ids.shape[:1], [tf.cast(ids.nrows(), "int32")])
    return Entries(ids.values, held, tf.cast(rows, "int32"), places, shape)


def map_values(function: Callable[[Any], Any], value: Any) -> Any:
    """``value`` with ``function`` applied to what it holds."""
    if isinstance(value, tf.SparseTensor):
        return value.with_values(function(value.values))
    if isinstance(value, tf.RaggedTensor):
        return value.with_flat_values(function(value.flat_values))
    return function(value)


def _known(static: Any, dynamic: list[Any]) -> tuple[Any, ...]:
    """Each size as an integer where it is known."""
    return tuple(now if size is None else size for size, now in zip(static, dynamic, strict=True))

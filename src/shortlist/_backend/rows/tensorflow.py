"""Rows of large tables on TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from shortlist._backend.rows.lookups import Lookup, OutOfRange


def integers(ids: Any) -> Any:
    """Ids as int32 or int64."""
    if ids.dtype in (tf.int32, tf.int64):
        return ids
    return tf.cast(ids, tf.int64 if ids.dtype in (tf.uint32, tf.uint64) else tf.int32)


def gather(variable: Any, ids: Any) -> Any:
    """Rows of ``variable``, without reading the whole of it; any row for an id out of range."""
    # A read of the whole variable would make the next write copy it, and an id that the kernel
    # refuses would end a step half-way through.
    return tf.gather(variable.value, tf.clip_by_value(ids, 0, variable.shape[0] - 1))


def differentiable_gather(variable: Any, ids: Any) -> Any:
    """Rows of ``variable``; each row's gradient arrives once, as the sum over its repeats."""
    return tf.gather(_summed_gradient(variable.value), ids)


def write(variable: Any, ids: Any, rows: Any) -> None:
    """Replace the rows of distinct ``ids`` in place."""
    variable.value.scatter_update(tf.IndexedSlices(rows, ids))


def sum_repeated(ids: Any, gradients: Any, size: int) -> tuple[Any, Any]:
    """Distinct ids ``[u]`` and the sums of their gradients ``[u, D]``."""
    inside = (ids >= 0) & (ids < size)
    distinct, places = tf.unique(tf.boolean_mask(ids, inside))
    gradients = tf.boolean_mask(gradients, inside)
    return distinct, tf.math.unsorted_segment_sum(gradients, places, tf.size(distinct))


def outside(ids: Any, size: int) -> Any | None:
    """Whether an id is out of range and which; raises where the ids are known."""
    flat = tf.reshape(ids, [-1])
    bad = (flat < 0) | (flat >= size)
    if not tf.is_symbolic_tensor(flat):
        if tf.reduce_any(bad):
            raise OutOfRange(int(flat[tf.argmax(bad)]))
        return None
    # One more, so that there is a first element.
    bad = tf.concat([bad, [False]], 0)
    flat = tf.concat([flat, tf.zeros(1, flat.dtype)], 0)
    first = flat[tf.argmax(tf.cast(bad, "int32"))]
    return tf.stack([tf.cast(tf.reduce_any(bad), "int64"), tf.cast(first, "int64")])


@tf.custom_gradient
def _summed_gradient(table: Any) -> tuple[Any, Any]:
    def gradient(upstream: Any) -> Any:
        if not isinstance(upstream, tf.IndexedSlices):
            return upstream
        ids, sums = sum_repeated(upstream.indices, upstream.values, table.shape[0])
        return tf.IndexedSlices(sums, ids, upstream.dense_shape)

    return tf.identity(table), gradient


class Tape:
    """The lookups of one step, on a ``tf.GradientTape`` that runs."""

    def __init__(self, variables: list[Any], gradient_tape: Any = None) -> None:
        self._wanted = {id(v) for v in variables}
        self._gradient_tape = gradient_tape
        self.lookups: list[Lookup] = []
        self.flags: list[tuple[Any, Any]] = []

    def wants(self, variable: Any) -> bool:
        """Whether the rows of this variable are to be updated by the step."""
        return id(variable) in self._wanted

    def watch(self, variable: Any, ids: Any, updated: Any) -> Any:
        """Rows ``[n, D]`` for flat ``ids``, with a gradient of their own."""
        with self._gradient_tape.stop_recording():
            rows = gather(variable, ids)
        self._gradient_tape.watch(rows)
        self.lookups.append(Lookup(variable, updated, rows))
        return rows

    def flag(self, layer: Any, found: Any) -> None:
        """Keep what ``outside`` found of the ids that a layer was called with."""
        self.flags.append((layer, found))

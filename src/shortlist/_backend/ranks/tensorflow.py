"""Counting candidates by their scores in TensorFlow; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from shortlist._backend.ranks.blocks import BLOCK, FIRST_LOOK

Tensor = Any


class _Open(NamedTuple):
    """The queries that are still counted: their row among all, and what is compared."""

    rows: Tensor
    queries: Tensor
    low: Tensor
    high: Tensor


def count(
    queries: Tensor, candidates: Tensor, low: Tensor, high: Tensor, enough: int
) -> tuple[Tensor, Tensor]:
    """See the package's docstring."""
    everything, width = tf.shape(candidates)[0], queries.shape[1]
    none = tf.zeros_like(low, tf.int32)

    def more_to_do(first: Tensor, _last: Tensor, left: _Open, *_: Tensor) -> Tensor:
        return tf.logical_and(first < everything, tf.size(left.rows) > 0)

    def group(first: Tensor, last: Tensor, left: _Open, above: Tensor, reached: Tensor) -> Any:
        more = _count(left, candidates[first:last])
        rows = left.rows[:, None]
        above = tf.tensor_scatter_nd_add(above, rows, more[0])
        reached = tf.tensor_scatter_nd_add(reached, rows, more[1])
        kept = tf.where(tf.gather(above, left.rows) < enough)[:, 0]
        left = _Open(*(tf.gather(value, kept) for value in left))
        return last, 2 * last, left, above, reached

    left = _Open(tf.range(tf.shape(queries)[0]), queries, low, high)
    some = tf.TensorShape([None])
    shapes = _Open(some, tf.TensorShape([None, width]), some, some)
    *_, above, reached = tf.while_loop(
        more_to_do,
        group,
        (0, FIRST_LOOK, left, none, none),
        (tf.TensorShape([]), tf.TensorShape([]), shapes, none.shape, none.shape),
        parallel_iterations=1,
    )
    return above, reached


def _count(left: _Open, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """Count for every query, block by block."""
    size = tf.clip_by_value(BLOCK // tf.maximum(tf.size(left.rows), 1), 64, 4096)

    def block(first: Tensor, above: Tensor, reached: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores = tf.matmul(candidates[first : first + size], left.queries, transpose_b=True)
        return first + size, above + _sum(scores > left.high), reached + _sum(scores >= left.low)

    none = tf.zeros_like(left.rows)
    _, above, reached = tf.while_loop(
        lambda first, *_: first < tf.shape(candidates)[0],
        block,
        (0, none, none),
        parallel_iterations=1,
    )
    return above, reached


def _sum(passed: Tensor) -> Tensor:
    # A product adds up faster than a reduction, and exactly: a block is far below 2^24.
    ones = tf.ones((1, tf.shape(passed)[0]), tf.float32)
    return tf.cast(tf.matmul(ones, tf.cast(passed, tf.float32))[0], tf.int32)

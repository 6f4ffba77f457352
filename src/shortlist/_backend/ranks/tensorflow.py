"""Counting candidates by their scores in TensorFlow; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from shortlist._backend.ranks.blocks import block_size

Tensor = Any


def count(queries: Tensor, candidates: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """See the package's docstring."""

    def block(candidates: Tensor) -> tuple[Tensor, Tensor]:
        scores = tf.matmul(candidates, queries, transpose_b=True)
        return added_up(scores > high), added_up(scores >= low)

    def added_up(passed: Tensor) -> Tensor:
        # A product adds up faster than a reduction, and exactly: a block is far below 2^24.
        ones = tf.ones((1, tf.shape(passed)[0]), tf.float32)
        return tf.cast(tf.matmul(ones, tf.cast(passed, tf.float32))[0], tf.int32)

    def body(step: Tensor, above: Tensor, reached: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        more = block(candidates[step * size : (step + 1) * size])
        return step + 1, above + more[0], reached + more[1]

    size = block_size(queries.shape[0])
    if candidates.shape[0] is None or candidates.shape[0] <= size:
        return block(candidates)
    whole = candidates.shape[0] // size
    _, above, reached = tf.while_loop(
        lambda step, *_: step < whole,
        body,
        (0, *block(candidates[whole * size :])),
        parallel_iterations=1,
    )
    return above, reached

"""Blockwise softmax cross-entropy in TensorFlow; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from shortlist._backend.softmax.problem import Problem, hash_factors

Tensor = Any


def cross_entropy_sum(problem: Problem, block_size: int) -> Tensor:
    """See the package's docstring."""

    @tf.custom_gradient
    def function(queries: Tensor, candidates: Tensor, weight: Tensor, positive: Tensor) -> Any:
        inputs = problem._replace(
            queries=queries, candidates=candidates, weight=weight, positive=positive
        )
        loss, gradients = _run(inputs, block_size)
        return loss, lambda upstream: tuple(upstream * value for value in gradients)

    return function(problem.queries, problem.candidates, problem.weight, problem.positive)


def _run(problem: Problem, block_size: int) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
    rows = tf.shape(problem.queries)[0]
    count = -(-rows // block_size)
    size = -(-rows // tf.maximum(count, 1))
    columns = {"candidates", "bias", "column_ids"}

    def blocked(value: Tensor) -> Tensor:
        padded = tf.pad(value, [[0, count * size - rows]] + [[0, 0]] * (len(value.shape) - 1))
        return tf.reshape(padded, tf.concat([[count, size], tf.shape(value)[1:]], 0))

    by_row = {
        name: blocked(value)
        for name, value in problem._asdict().items()
        if value is not None and name not in columns
    }

    def body(step: Tensor, d_candidates: Tensor, *arrays: Any) -> tuple[Any, ...]:
        block = {name: tf.gather(value, step) for name, value in by_row.items()}
        added, *values = _block(problem._replace(**block))
        written = [array.write(step, value) for array, value in zip(arrays, values, strict=True)]
        return step + 1, d_candidates + added, *written

    arrays = [tf.TensorArray(problem.queries.dtype, size=count) for _ in range(3)]
    _, d_candidates, *arrays = tf.while_loop(
        lambda step, *_: step < count,
        body,
        (0, tf.zeros_like(problem.candidates), *arrays),
        parallel_iterations=1,
    )

    def joined(array: Any, like: Tensor) -> Tensor:
        flat = tf.reshape(array.stack(), tf.concat([[count * size], tf.shape(like)[1:]], 0))
        return flat[:rows]

    likes = (problem.weight, problem.queries, problem.positive)
    losses, d_queries, d_positive = map(joined, arrays, likes)
    # Padding rows are cut off before the sum: where all is masked their loss may be infinite.
    loss = tf.reduce_sum(problem.weight * losses)
    return loss, (d_queries, d_candidates, losses, d_positive)


def _block(block: Problem) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One block's gradient by candidates, losses, and gradients by queries and positive."""
    logits = tf.matmul(block.queries, block.candidates, transpose_b=True)
    if block.bias is not None:
        logits += block.bias
    if block.row_ids is not None and block.column_ids is not None:
        keep = block.row_ids[:, None] != block.column_ids
        if block.mask is not None:
            keep &= block.mask
        logits = tf.where(keep, logits, tf.constant(-float("inf"), logits.dtype))
    top = tf.reduce_max(logits, 1)
    if block.row_ids is not None:
        top = tf.maximum(top, block.positive)
    exponentials = tf.exp(logits - top[:, None])
    total = tf.reduce_sum(exponentials, 1)
    own = tf.zeros_like(total)
    if block.row_ids is not None:
        own = tf.exp(block.positive - top)
        total += own
    scale = block.weight / total
    scaled = exponentials * scale[:, None]
    return (
        tf.matmul(scaled, block.queries, transpose_a=True),
        (top - block.positive) + tf.math.log(total),
        tf.matmul(scaled, block.candidates),
        scale * own - block.weight,
    )


def integer_ids(ids: Any) -> Tensor:
    """See the package's docstring."""
    ids = tf.convert_to_tensor(ids)
    return tf.strings.to_hash_bucket_fast(ids, 2**62) if ids.dtype == tf.string else ids


def places_of_distinct(rows: Tensor) -> tuple[Tensor, Tensor, None]:
    """See the package's docstring."""
    bits = tf.cast(tf.bitcast(rows, tf.int64 if rows.dtype == tf.float64 else tf.int32), tf.int64)
    values, places = tf.unique(tf.reduce_sum(bits * hash_factors(rows.shape[1]), 1))
    return places, tf.shape(values)[0], None

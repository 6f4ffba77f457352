"""Blockwise softmax cross-entropy in JAX; the contract is in the package's docstring."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from shortlist._backend.softmax.problem import Problem, block_shape

Array = Any


def _exponentials(block: Problem) -> tuple[Array, Array, Array, Array]:
    """Softmax of one block: (exponentials, maxima, row sums, exponentials of the positive)."""
    logits = block.queries @ block.candidates.T
    if block.bias is not None:
        logits = logits + block.bias
    if block.row_ids is None:
        top = jnp.max(logits, axis=1)
        exponentials = jnp.exp(logits - top[:, None])
        return exponentials, top, jnp.sum(exponentials, axis=1), jnp.zeros_like(top)
    out = block.row_ids[:, None] == block.column_ids
    if block.mask is not None:
        out = out | ~block.mask
    logits = jnp.where(out, -jnp.inf, logits)
    top = jnp.maximum(jnp.max(logits, axis=1), block.positive)
    exponentials = jnp.exp(logits - top[:, None])
    own = jnp.exp(block.positive - top)
    return exponentials, top, jnp.sum(exponentials, axis=1) + own, own


def _run(problem: Problem, block_size: int, gradients: bool) -> tuple[Array, Problem | None]:
    rows = problem.queries.shape[0]
    count, size = block_shape(rows, block_size)
    columns = {"candidates", "bias", "column_ids"}

    def blocked(value: Array) -> Array:
        padded = jnp.pad(value, [(0, count * size - rows)] + [(0, 0)] * (value.ndim - 1))
        return padded.reshape(count, size, *value.shape[1:])

    def joined(value: Array) -> Array:
        return value.reshape(count * size, *value.shape[2:])[:rows]

    def body(d_candidates: Array, row: dict[str, Array]) -> tuple[Array, tuple[Array, ...]]:
        block = problem._replace(**row)
        exponentials, top, total, own = _exponentials(block)
        losses = (top - block.positive) + jnp.log(total)
        if not gradients:
            return d_candidates, (losses,)
        scale = block.weight / total
        scaled = exponentials * scale[:, None]
        d_queries = scaled @ block.candidates
        # Transposed, since XLA takes four times as long for a product whose left side is.
        d_candidates = d_candidates + block.queries.T @ scaled
        return d_candidates, (losses, d_queries, scale * own - block.weight)

    by_row = {
        name: blocked(value)
        for name, value in problem._asdict().items()
        if value is not None and name not in columns
    }
    d_candidates, outputs = jax.lax.scan(body, jnp.zeros_like(problem.candidates.T), by_row)
    # Padding rows are cut off before the sum: where all is masked their loss may be infinite.
    losses, *others = map(joined, outputs)
    loss = jnp.sum(problem.weight * losses)
    if not gradients:
        return loss, None
    return loss, Problem(others[0], d_candidates.T, None, losses, others[1])


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _differentiable(problem: Problem, block_size: int) -> Array:
    return _run(problem, block_size, gradients=False)[0]


def _forward(problem: Problem, block_size: int) -> tuple[Array, Any]:
    return _run(problem, block_size, gradients=True)


def _backward(_block_size: int, saved: Problem, upstream: Array) -> tuple[Problem]:
    return (Problem(*(None if value is None else upstream * value for value in saved)),)


_differentiable.defvjp(_forward, _backward)

# Compiled here too, so that a call outside a compiled step is traced once a shape.
cross_entropy_sum: Any = jax.jit(_differentiable, static_argnums=(1,))


def integer_ids(ids: Any) -> Array:
    """See the package's docstring."""
    return jnp.asarray(ids)


def places_of_distinct(_rows: Array) -> None:
    """See the package's docstring."""
    return

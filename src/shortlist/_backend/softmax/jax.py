"""Blockwise softmax cross-entropy in JAX; the contract is in the package's docstring."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from shortlist._backend.running_sum import running_sum
from shortlist._backend.softmax.problem import Problem, block_shape, hash_factors

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
    columns = {"candidates", "bias", "column_ids", "rows_used"}

    def blocked(value: Array) -> Array:
        padded = jnp.pad(value, [(0, count * size - rows)] + [(0, 0)] * (value.ndim - 1))
        return padded.reshape(count, size, *value.shape[1:])

    def joined(value: Array) -> Array:
        return value.reshape(count * size, *value.shape[2:])[:rows]

    by_row = {
        name: blocked(value)
        for name, value in problem._asdict().items()
        if value is not None and name not in columns
    }

    def step(index: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        block = problem._replace(**{name: value[index] for name, value in by_row.items()})
        d_candidates, *written = state
        added, *values = _block(block, gradients)
        if gradients:
            d_candidates = d_candidates + added
        return d_candidates, *(
            whole.at[index].set(value) for whole, value in zip(written, values, strict=True)
        )

    names = ("weight", "queries", "weight") if gradients else ("weight",)
    state = (jnp.zeros_like(problem.candidates.T), *(jnp.zeros_like(by_row[n]) for n in names))
    # A loop whose end is data, so that rows no example needs cost nothing.
    used = count if problem.rows_used is None else -(-problem.rows_used // size)
    d_candidates, *outputs = jax.lax.fori_loop(0, used, step, state)
    # Padding rows are cut off before the sum: where all is masked their loss may be infinite.
    losses, *others = map(joined, outputs)
    loss = jnp.sum(problem.weight * losses)
    if not gradients:
        return loss, None
    return loss, Problem(others[0], d_candidates.T, None, losses, others[1])


def _block(block: Problem, gradients: bool) -> tuple[Array, ...]:
    """One block's gradient by the candidates ``[D, C]``, losses, gradients by queries, positive."""
    exponentials, top, total, own = _exponentials(block)
    losses = (top - block.positive) + jnp.log(total)
    if not gradients:
        return losses, losses
    scale = block.weight / total
    scaled = exponentials * scale[:, None]
    # Transposed, since XLA takes four times as long for a product whose left side is.
    d_candidates = block.queries.T @ scaled
    return d_candidates, losses, scaled @ block.candidates, scale * own - block.weight


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


def places_of_distinct(rows: Array) -> tuple[Array, int, Array]:
    """See the package's docstring."""
    hashes = _hashes(rows)
    order = jnp.lexsort(hashes)
    new = jnp.zeros(len(rows), bool)
    for value in hashes:
        ordered = value[order]
        new = new | jnp.concatenate([jnp.zeros(1, bool), ordered[1:] != ordered[:-1]])
    ranks = running_sum(new)
    return jnp.zeros_like(ranks).at[order].set(ranks), len(rows), ranks[-1] + 1


def _hashes(rows: Array) -> tuple[Array, ...]:
    """Two 32-bit hashes of each row's bits: JAX has no 64-bit integers unless asked for them."""
    bits = jax.lax.bitcast_convert_type(jax.lax.stop_gradient(rows), jnp.uint32)
    bits = bits.reshape(len(rows), -1)
    factors = hash_factors(bits.shape[1])
    halves = (factors.astype(np.uint32), (factors >> 32).astype(np.uint32) | 1)
    # Multiplied by odd numbers and mixed, since the low bits of a sum know only low bits.
    mixed = (bits ^ (bits >> 16)) * np.uint32(0x9E3779B1)
    return tuple(jnp.sum((mixed ^ (mixed >> 15)) * half, axis=1) for half in halves)

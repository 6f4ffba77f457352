"""Counting candidates by their scores in JAX; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from shortlist._backend.ranks.blocks import block_size

Array = Any


@jax.jit
def count(queries: Array, candidates: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """See the package's docstring."""
    columns = queries.T

    def block(candidates: Array) -> tuple[Array, Array]:
        scores = candidates @ columns
        # Both counts in one number, as adding up is what takes the time. A block has fewer than
        # 2^15 candidates.
        passed = (scores > high).astype(jnp.int32) + ((scores >= low).astype(jnp.int32) << 16)
        both = jnp.sum(passed, axis=0, dtype=jnp.int32)
        return both & 0xFFFF, both >> 16

    def body(step: Array, counts: tuple[Array, Array]) -> tuple[Array, Array]:
        above, reached = block(jax.lax.dynamic_slice_in_dim(candidates, step * size, size))
        return counts[0] + above, counts[1] + reached

    size = block_size(queries.shape[0])
    whole = candidates.shape[0] // size
    rest = block(candidates[whole * size :])
    return rest if whole == 0 else jax.lax.fori_loop(0, whole, body, rest)

"""Counting candidates by their scores in JAX; the contract is in the package's docstring."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from shortlist._backend.ranks.blocks import FIRST_LOOK

Array = Any

# Shapes are fixed in a compiled program, so queries are left out by whole tiles: those that are
# still counted move to the front, and the loop over tiles ends after them.
_TILE = 256


class _Rows(NamedTuple):
    """Queries in the order they are counted in, with their place among all and their counts."""

    places: Array
    queries: Array
    low: Array
    high: Array
    above: Array
    reached: Array


@functools.partial(jax.jit, static_argnums=4)
def count(
    queries: Array, candidates: Array, low: Array, high: Array, enough: int
) -> tuple[Array, Array]:
    """See the package's docstring."""
    number = queries.shape[0]
    tile = min(_TILE, max(number, 1))
    tiles = -(-number // tile)
    none = jnp.zeros(tiles * tile, jnp.int32)

    def padded(value: Array, fill: float) -> Array:
        widths = [(0, tiles * tile - number)] + [(0, 0)] * (value.ndim - 1)
        return jnp.pad(value, widths, constant_values=fill)

    # Nothing is less than minus infinity, so padding has enough at the first look.
    rows = _Rows(
        jnp.arange(tiles * tile),
        padded(queries, 0.0),
        padded(low, -jnp.inf),
        padded(high, -jnp.inf),
        none,
        none,
    )
    blocks = -(-candidates.shape[0] // FIRST_LOOK)

    def group(state: tuple[Array, Array, Array, _Rows]) -> tuple[Array, Array, Array, _Rows]:
        first, last, used, rows = state
        rows = _count(rows, candidates, (first, last), used, tile)
        left, rows = _open_first(rows, enough)
        return last, jnp.minimum(2 * last, blocks), -(-left // tile), rows

    start = (jnp.int32(0), jnp.int32(1), jnp.int32(tiles), rows)
    *_, rows = jax.lax.while_loop(lambda s: (s[0] < blocks) & (s[2] > 0), group, start)
    return tuple(none.at[rows.places].set(c)[:number] for c in (rows.above, rows.reached))


def _count(
    rows: _Rows, candidates: Array, blocks: tuple[Array, Array], used: Array, tile: int
) -> _Rows:
    """Count some blocks of candidates for the first tiles of rows."""
    size = min(FIRST_LOOK, candidates.shape[0])

    def one(index: Array, counts: tuple[Array, Array]) -> tuple[Array, Array]:
        def mine(value: Array) -> Array:
            return jax.lax.dynamic_slice_in_dim(value, index * tile, tile)

        queries, low, high = mine(rows.queries), mine(rows.low), mine(rows.high)

        def block(step: Array, counts: tuple[Array, Array]) -> tuple[Array, Array]:
            first = step * size
            # The last block begins earlier, to be a whole one, and what it repeats is not counted.
            start = jnp.minimum(first, candidates.shape[0] - size)
            scores = jax.lax.dynamic_slice_in_dim(candidates, start, size) @ queries.T
            new = (start + jnp.arange(size) >= first)[:, None]
            # Both counts in one number, as adding up is what takes the time; size is below 2^15.
            above = (scores > high).astype(jnp.int32)
            both = jnp.where(new, above + ((scores >= low).astype(jnp.int32) << 16), 0)
            both = jnp.sum(both, axis=0, dtype=jnp.int32)
            return counts[0] + (both & 0xFFFF), counts[1] + (both >> 16)

        found = jax.lax.fori_loop(*blocks, block, (mine(counts[0]), mine(counts[1])))
        above, reached = (
            jax.lax.dynamic_update_slice_in_dim(whole, part, index * tile, axis=0)
            for whole, part in zip(counts, found, strict=True)
        )
        return above, reached

    above, reached = jax.lax.fori_loop(0, used, one, (rows.above, rows.reached))
    return rows._replace(above=above, reached=reached)


def _open_first(rows: _Rows, enough: int) -> tuple[Array, _Rows]:
    """How many rows are to be counted further, and all rows with those first."""
    left = rows.above < enough
    # Sorted as numbers, which XLA compiles several times faster than a running sum.
    count = len(left)
    keys = jnp.where(left, 0, count) + jnp.arange(count, dtype=jnp.int32)
    order = jax.lax.sort(keys) % max(count, 1)
    return jnp.sum(left, dtype=jnp.int32), _Rows(*(value[order] for value in rows))

"""Rows of large tables on JAX."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from shortlist._backend.rows.lookups import Lookup, OutOfRange
from shortlist._backend.running_sum import running_sum


def integers(ids: Any) -> Any:
    """Ids as int32. What does not fit becomes the largest int32, which no table has."""
    if ids.dtype == jnp.int32:
        return ids
    if jnp.issubdtype(ids.dtype, jnp.unsignedinteger):
        ids = jnp.minimum(ids, np.asarray(min(2**31 - 1, jnp.iinfo(ids.dtype).max), ids.dtype))
    return ids.astype("int32")


def gather(variable: Any, ids: Any) -> Any:
    """Rows of ``variable``; zeros for an id that is out of range."""
    return jax.lax.stop_gradient(_taken(variable, ids, 0))


def differentiable_gather(variable: Any, ids: Any) -> Any:
    """Rows of ``variable`` with a gradient to it; NaN for an id that is out of range."""
    return _taken(variable, ids, jnp.nan)


def _taken(variable: Any, ids: Any, outside: float) -> Any:
    # A negative index would count from the end.
    ids = jnp.where(ids < 0, variable.shape[0], ids)
    return jnp.asarray(variable.value).at[ids].get(mode="fill", fill_value=outside)


def write(variable: Any, ids: Any, rows: Any) -> None:
    """Replace the rows of distinct, sorted ``ids``; inside a step XLA does it in place."""
    variable.assign(
        variable.value.at[ids].set(rows, mode="drop", unique_indices=True, indices_are_sorted=True)
    )


def sum_repeated(ids: Any, gradients: Any, size: int) -> tuple[Any, Any]:
    """Distinct ids ``[n]``, sorted and filled up with ``size`` and more, and sums ``[n, D]``."""
    ids = jnp.where((ids < 0) | (ids > size), size, ids.astype("int32"))
    # A table with few rows for so many lookups is walked once, which is cheaper than sorting them.
    sums_of = _by_walking if size <= 4 * ids.shape[0] else _by_sorting
    distinct, sums = sums_of(ids, gradients, size)
    # Distinct ids must also differ where they are only filled up, or the write may not rely on it.
    places = jnp.arange(distinct.shape[0], dtype="int32")
    return jnp.where(distinct == size, size + places, distinct), sums


def _by_walking(ids: Any, gradients: Any, size: int) -> tuple[Any, Any]:
    sums = jax.ops.segment_sum(gradients, ids, num_segments=size)
    hits = jax.ops.segment_sum(jnp.ones_like(ids), ids, num_segments=size)
    count = min(ids.shape[0], size)
    # Sorting them is as fast as `nonzero` at these sizes, and compiled in a fifth of its time.
    places = jnp.arange(size, dtype="int32")
    distinct = jax.lax.sort(jnp.where(hits > 0, places, size))[:count]
    return distinct, sums.at[distinct].get(mode="fill", fill_value=0)


def _by_sorting(ids: Any, gradients: Any, size: int) -> tuple[Any, Any]:
    count = ids.shape[0]
    ordered, places = _sorted(ids, size)
    starts = jnp.concatenate([jnp.ones(min(count, 1), bool), ordered[1:] != ordered[:-1]])
    segment = running_sum(starts) - 1
    sums = jax.ops.segment_sum(
        gradients[places], segment, num_segments=count, indices_are_sorted=True
    )
    distinct = jnp.full(count, size, "int32").at[segment].set(ordered, indices_are_sorted=True)
    return distinct, sums


def _sorted(ids: Any, size: int) -> tuple[Any, Any]:
    """Ids from 0 to ``size`` in order, and the place where each was."""
    count = ids.shape[0]
    places = jnp.arange(count, dtype="uint32")
    if not 0 < (size + 1) * count <= 2**32:
        return jax.lax.sort_key_val(ids, places)
    # Both in one number: sorting pairs takes four times as long.
    packed = jax.lax.sort(ids.astype("uint32") * np.uint32(count) + places)
    return (packed // np.uint32(count)).astype("int32"), packed % np.uint32(count)


def outside(ids: Any, size: int) -> Any | None:
    """Whether an id is out of range and which; raises where the ids are known."""
    if not isinstance(ids, jax.core.Tracer):
        values = np.asarray(ids)
        bad = (values < 0) | (values >= size)
        if bad.any():
            raise OutOfRange(int(values[bad][0]))
        return None
    if ids.size == 0:
        return None
    bad = ((ids < 0) | (ids >= size)).reshape(-1)
    first = ids.reshape(-1)[jnp.argmax(bad)].astype("int32")
    return jnp.stack([bad.any().astype("int32"), first])


class Tape:
    """The lookups of one traced step.

    JAX differentiates with respect to arguments, so each lookup adds an argument of zeros to its
    rows. A first trace with ``zeros=None`` finds how many there are and their shapes.
    """

    def __init__(self, variables: list[Any], zeros: list[Any] | None = None) -> None:
        self._wanted = {id(v) for v in variables}
        self._zeros = zeros
        self.lookups: list[Lookup] = []
        self.flags: list[tuple[Any, Any]] = []

    def wants(self, variable: Any) -> bool:
        """Whether the rows of this variable are to be updated by the step."""
        return id(variable) in self._wanted

    def watch(self, variable: Any, ids: Any, updated: Any) -> Any:
        """Rows ``[n, D]`` for flat ``ids``, with a place for their gradient."""
        rows = gather(variable, ids)
        place = len(self.lookups)
        self.lookups.append(Lookup(variable, updated, rows))
        return rows if self._zeros is None else rows + self._zeros[place]

    def flag(self, layer: Any, found: Any) -> None:
        """Keep what ``outside`` found of the ids that a layer was called with."""
        self.flags.append((layer, found))

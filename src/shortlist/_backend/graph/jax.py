"""Sparse products in JAX; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from shortlist._backend.graph.entries import Entries

Array = Any

_WIDER = 1.3


class _Rows(NamedTuple):
    """Rows of about one number of entries, padded to be of one width, and where each row is.

    XLA adds up such columns nine times as fast as it scatters.
    """

    columns: tuple[np.ndarray, ...]  # [width, rows] each
    values: tuple[np.ndarray, ...]
    places: np.ndarray  # [R], the place of each row among those of all groups

    @classmethod
    def of(cls, entries: Entries) -> _Rows:
        starts = entries.starts
        counts = np.diff(starts)
        groups = _widths(counts)
        columns, values, order = [], [], []
        for width in np.unique(groups):
            rows = np.flatnonzero(groups == width)
            steps = np.arange(width)[:, None]
            filled = steps < counts[rows]
            at = np.where(filled, starts[rows] + steps, 0)
            columns.append(np.where(filled, entries.columns[at], 0).astype(np.int32))
            values.append(np.where(filled, entries.values[at], 0))
            order.append(rows)
        places = np.argsort(np.concatenate(order)) if order else np.zeros(0, np.int64)
        return cls(tuple(columns), tuple(values), places.astype(np.int32))

    def times(self, dense: Array) -> Array:
        parts = [_summed(dense, *group) for group in zip(self.columns, self.values, strict=True)]
        return jnp.concatenate(parts)[self.places]


def _widths(counts: np.ndarray) -> np.ndarray:
    """The width ``[R]`` of the group each row belongs to: a third wider than the one before."""
    widths = [1]
    while widths[-1] < counts.max(initial=1):
        widths.append(max(widths[-1] + 1, int(widths[-1] * _WIDER)))
    return np.asarray(widths)[np.searchsorted(widths, counts)]


def _summed(dense: Array, columns: np.ndarray, values: np.ndarray) -> Array:
    columns, values = jnp.asarray(columns), jnp.asarray(values, dense.dtype)

    def add(step: Array, total: Array) -> Array:
        return total + dense[columns[step]] * values[step][:, None]

    return jax.lax.fori_loop(0, len(columns), add, jnp.zeros((columns.shape[1], dense.shape[1])))


def prepare(entries: Entries) -> tuple[_Rows, _Rows]:
    """See the package's docstring."""
    return _Rows.of(entries), _Rows.of(entries.T)


def product(prepared: tuple[_Rows, _Rows], dense: Array) -> Array:
    """See the package's docstring."""
    rows, transposed = prepared

    @jax.custom_vjp
    def differentiable(dense: Array) -> Array:
        return rows.times(dense)

    differentiable.defvjp(
        lambda dense: (differentiable(dense), None),
        lambda _, upstream: (transposed.times(upstream),),
    )
    return differentiable(dense)

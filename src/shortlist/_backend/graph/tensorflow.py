"""Sparse products in TensorFlow; the contract is in the package's docstring."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from shortlist._backend.graph.entries import Entries

Tensor = Any


def prepare(entries: Entries) -> tuple[Entries, Entries]:
    """See the package's docstring."""
    return entries, entries.T


def product(prepared: tuple[Entries, Entries], dense: Tensor) -> Tensor:
    """See the package's docstring."""
    entries, transposed = prepared

    @tf.custom_gradient
    def differentiable(dense: Tensor) -> Any:
        return _times(entries, dense), lambda upstream: _times(transposed, upstream)

    return differentiable(tf.convert_to_tensor(dense))


def _times(entries: Entries, dense: Tensor) -> Tensor:
    values = tf.cast(entries.values[:, None], dense.dtype)
    terms = tf.gather(dense, entries.columns) * values
    return tf.math.unsorted_segment_sum(terms, entries.rows, entries.shape[0])

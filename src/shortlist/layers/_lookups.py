"""Many vectors to one: how the rows that a feature looks up become its embedding."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from shortlist._backend.ragged import native
from shortlist._backend.ragged.entries import Entries
from shortlist.errors import DataError
from shortlist.layers.table_config import output_shape

__all__ = ["as_tensor", "look_up"]


def as_tensor(value: Any) -> Any:
    """A Python number as a tensor, anything else as it is."""
    return ops.convert_to_tensor(value) if isinstance(value, int | float) else value


def look_up(name: str, feature: Any, table: Any, ids: Any, weights: Any) -> Any:
    """The embedding of a feature.

    Args:
        name: of the feature, for errors.
        feature: a `FeatureConfig`.
        table: the layer that turns ids into rows.
        ids: a dense tensor, or a ragged or sparse one on TensorFlow.
        weights: of the same kind, or None.

    Returns:
        ``[..., D]`` for dense ids ``[...]`` without weights, ``[B, D]`` for lists of ids, and
        ``[B, L, D]`` for those with a ``max_sequence_length``.
    """
    if native.is_ragged(ids):
        if weights is not None and type(weights) is not type(ids):
            raise DataError(
                f"The feature {name!r} expected weights of the same kind as its ids, "
                f"{type(ids).__name__}; received {type(weights).__name__}."
            )
        return _listed(name, feature, table, native.entries(ids, weights))
    if feature.max_sequence_length > 0:
        raise DataError(
            f"The feature {name!r} has a max_sequence_length and expected a ragged or sparse "
            f"tensor; received a dense one of shape {tuple(ids.shape)}. Leave max_sequence_length "
            "out: a dense tensor gives its vectors one by one anyway."
        )
    ids = ops.convert_to_tensor(ids)
    if weights is None:
        return table(ids)
    return _combined(feature, table, _dense_entries(name, ids, weights))


def _dense_entries(name: str, ids: Any, weights: Any) -> Entries:
    """Lists of one length, as rows and places."""
    weights = ops.convert_to_tensor(weights)
    if tuple(weights.shape) != tuple(ids.shape) or len(ids.shape) < 2:
        raise DataError(
            f"The feature {name!r} expected ids and weights of one shape [batch, length]; "
            f"received {tuple(ids.shape)} and {tuple(weights.shape)}."
        )
    *shape, length = ops.shape(ids)
    count = math.prod(shape)
    grid = ops.broadcast_to(ops.arange(count, dtype="int32")[:, None], (count, length))
    ids, weights, rows = (ops.reshape(x, (-1,)) for x in (ids, weights, grid))
    return Entries(ids, weights, rows, places=None, shape=tuple(shape))


def _listed(name: str, feature: Any, table: Any, found: Entries) -> Any:
    length = feature.max_sequence_length
    shape = output_shape(feature)
    if shape is None:
        return _sequence(table, found, length) if length else _combined(feature, table, found)
    wanted, lists = math.prod(shape), found.count
    if isinstance(lists, int) and wanted % lists:
        raise DataError(
            f"The feature {name!r} expected its output_shape {shape} to hold a multiple of the "
            f"batch size; the batch has {lists} lists."
        )
    if isinstance(lists, int) and wanted > lists:
        result = _sequence(table, found, wanted // lists)
    else:
        result = _combined(feature, table, found)
    return ops.reshape(result, (*shape, feature.table.dim))


def _sequence(table: Any, found: Entries, length: int) -> Any:
    """Rows ``[B, length, D]`` in the order of the lists, zeros behind them."""
    rows = table(found.ids)
    kept = found.places < length
    at = ops.where(kept, found.rows * length + found.places, 0)
    rows = ops.where(kept[:, None], rows, ops.zeros_like(rows))
    placed = ops.segment_sum(rows, at, num_segments=found.count * length)
    return ops.reshape(placed, (*found.shape, length, rows.shape[-1]))


def _combined(feature: Any, table: Any, found: Entries) -> Any:
    """One vector for each list: zeros where it is empty."""
    rows = table(found.ids)
    weights = found.weights
    if weights is None:
        weights = ops.ones_like(found.ids)
    weights = ops.cast(weights, keras.backend.standardize_dtype(rows.dtype))
    total = ops.segment_sum(rows * weights[:, None], found.rows, num_segments=found.count)
    combiner = feature.table.combiner
    if combiner != "sum":
        part = weights if combiner == "mean" else ops.square(weights)
        below = ops.segment_sum(part, found.rows, num_segments=found.count)
        # The root has no gradient at 0.
        below = ops.where(below == 0, ops.ones_like(below), below)
        total = total / (below if combiner == "mean" else ops.sqrt(below))[:, None]
    return ops.reshape(total, (*found.shape, rows.shape[-1]))

"""Identifiers, integers or strings, next to scores; not every backend has tensors of strings."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist.errors import DataError

Tensor = Any


def split_batch(batch: Any) -> tuple[Any, Any]:
    """Identifiers (or None) and embeddings ``[N, D]`` of a batch of candidates.

    Raises:
        DataError: it is neither embeddings nor a pair of as many identifiers and embeddings.
    """
    parts = batch if isinstance(batch, tuple) else (None, batch)
    if len(parts) != 2:
        raise DataError(
            "Expected batches of embeddings, or pairs of identifiers and embeddings; received a "
            f"tuple of {len(parts)}."
        )
    identifiers, embeddings = parts
    if len(embeddings.shape) != 2:
        raise DataError(
            "Expected candidate embeddings [N, D], or pairs of identifiers [N] and embeddings; "
            f"received a batch of shape {tuple(embeddings.shape)}."
        )
    if identifiers is not None and identifiers.shape[0] != embeddings.shape[0]:
        raise DataError(
            f"Expected an identifier for each of the {embeddings.shape[0]} candidates of a batch; "
            f"received {identifiers.shape[0]}."
        )
    return identifiers, embeddings


def join_identifiers(parts: list[Any]) -> Any:
    """The identifiers of several batches as one array or tensor."""
    if all(isinstance(ids, np.ndarray) for ids in parts):
        return np.concatenate(parts)
    return ops.concatenate([ops.convert_to_tensor(ids) for ids in parts])


def are_strings(values: Any) -> bool:
    return "str" in str(values.dtype)


def kept(identifiers: Any) -> Any:
    """A tensor, or a NumPy array of strings where the backend has no tensors of them."""
    words = isinstance(identifiers, np.ndarray) and identifiers.dtype.kind in "OSUT"
    if words and keras.backend.backend() != "tensorflow":
        return identifiers
    return ops.convert_to_tensor(identifiers)


def top(scores: Tensor, k: Any) -> tuple[Tensor, Tensor]:
    """The ``k`` best of each row, or all where there are fewer."""
    width = scores.shape[1]
    if width is None or not isinstance(k, int):
        k = ops.minimum(k, ops.shape(scores)[1])
    else:
        k = min(k, width)
    return ops.top_k(scores, k)


def take_along_rows(values: Any, columns: Tensor) -> Any:
    """``values[b, columns[b, k]]``, for strings too."""
    if isinstance(values, np.ndarray):
        return np.take_along_axis(values, ops.convert_to_numpy(columns), axis=1)
    width = ops.shape(values)[1]
    offsets = ops.arange(ops.shape(values)[0], dtype=columns.dtype)[:, None]
    places = offsets * ops.cast(width, columns.dtype) + columns
    return ops.take(ops.reshape(values, (-1,)), places, axis=0)


def exclude_words(
    scores: Tensor, found: np.ndarray, exclusions: Any, k: int
) -> tuple[Tensor, np.ndarray]:
    """As in `TopK.query_with_exclusions`, for strings outside TensorFlow."""
    values = np.array(ops.convert_to_numpy(scores))
    values[(found[:, :, None] == np.asarray(exclusions)[:, None, :]).any(axis=-1)] = -np.inf
    columns = np.argsort(-values, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(values, columns, axis=1)
    words = np.where(np.isneginf(values), "", np.take_along_axis(found, columns, axis=1))
    return ops.convert_to_tensor(values), words

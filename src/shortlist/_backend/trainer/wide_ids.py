"""Integers of 64 bits on a backend that has 32."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from shortlist.errors import DataError

__all__ = ["WideIds", "refuse_wide"]

_WIDE = (np.dtype("int64"), np.dtype("uint64"), np.dtype("uint32"))
_LIMIT = 2**31 - 1


class WideIds:
    """Makes 32 bits of integers of 64, so that no large id becomes another, valid one.

    JAX would keep the lowest 32 bits. Here an integer that does not fit becomes a negative one,
    which no table has and which still tells most large ids apart; what it was is remembered for
    two batches, for the error.
    """

    def __init__(self) -> None:
        self._pairs: list[list[tuple[np.ndarray, np.ndarray]]] = [[], []]

    def narrow(self, batch: Any) -> Any:
        """The batch with 32 bits where it had 64."""
        self._pairs = [self._pairs[1], []]
        return keras.tree.map_structure(self._narrow, batch)

    def original(self, value: int) -> int:
        """What a value of one of the last two batches was before."""
        for narrow, wide in (pair for pairs in self._pairs for pair in pairs):
            found = np.flatnonzero(narrow == value)
            if len(found):
                return int(wide.flat[found[0]])
        return value

    def _narrow(self, leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray) or leaf.dtype not in _WIDE:
            return leaf
        fits = (
            (leaf <= _LIMIT) & (leaf >= -_LIMIT - 1) if leaf.dtype.kind == "i" else leaf <= _LIMIT
        )
        if fits.all():
            return leaf.astype("int32")
        folded = -1 - (leaf % _LIMIT).astype("int32")
        narrow = np.where(fits, leaf, 0).astype("int32")
        narrow = np.where(fits, narrow, folded).astype("int32")
        self._pairs[1].append((narrow, leaf))
        return narrow


def refuse_wide(batch: Any) -> None:
    """Look at arrays that Keras lays out over devices, and so narrows, before a step sees them.

    Raises:
        DataError: JAX runs over several devices, and an integer has no place in 32 bits.
    """
    if keras.backend.backend() != "jax" or keras.distribution.distribution() is None:
        return
    for path, leaf in keras.tree.flatten_with_path(batch):
        if not isinstance(leaf, np.ndarray) or leaf.dtype not in _WIDE or not leaf.size:
            continue
        for value in (leaf.max(), leaf.min()):
            if not -_LIMIT - 1 <= int(value) <= _LIMIT:
                raise DataError(
                    f"The feature {'/'.join(map(str, path))!r} expected integers of 32 bits, as "
                    f"JAX has them over several devices; received {value}. Encode or hash them, or "
                    "leave them out."
                )

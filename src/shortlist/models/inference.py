"""Run a model over arrays of any length in blocks of a few fixed sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

__all__ = ["in_blocks"]

# A backend compiles an operation once for each shape it meets, so the last block is padded up to
# one of these rather than run at its own size.
_SIZES = (1, 8, 64, 512, 4096)


def in_blocks(
    function: Callable[[dict[str, Any]], Any], features: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Call ``function`` on blocks of rows and return its outputs ``[N, ...]`` as one array.

    >>> import numpy as np
    >>> in_blocks(lambda x: x["a"] * 2, {"a": np.arange(3.0)}).tolist()
    [0.0, 2.0, 4.0]
    """
    rows = len(next(iter(features.values())))
    outputs: list[np.ndarray] = []
    start = 0
    while start < rows or not outputs:
        size = next((s for s in _SIZES if s >= rows - start), _SIZES[-1])
        stop = min(rows, start + size)
        block = {name: _padded(array[start:stop], size) for name, array in features.items()}
        outputs.append(keras.ops.convert_to_numpy(function(block))[: stop - start])
        start = stop
    return np.concatenate(outputs)


def _padded(array: np.ndarray, size: int) -> np.ndarray:
    missing = size - len(array)
    return np.pad(array, [(0, missing), *[(0, 0)] * (array.ndim - 1)]) if missing else array

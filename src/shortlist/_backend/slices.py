"""Columns as the data set that the framework in use likes best."""

from __future__ import annotations

from typing import Any

import numpy as np

from shortlist import _backend  # noqa: F401  # isort: skip
import keras

__all__ = ["sliced"]


def sliced(columns: dict[str, np.ndarray]) -> Any:
    """A `tf.data.Dataset` of rows on TensorFlow; the columns themselves elsewhere."""
    if keras.backend.backend() != "tensorflow":
        return columns
    import tensorflow as tf  # noqa: PLC0415 - only the framework in use is loaded

    return tf.data.Dataset.from_tensor_slices(columns)

"""`set_seed`: the same seed gives the same model."""

from __future__ import annotations

import random

import keras
import numpy as np

from shortlist._backend import seeds

__all__ = ["set_seed"]


def set_seed(seed: int) -> None:
    """Seed everything that models and their training draw from.

    With the same machine, backend and program, the same seed then gives the same weights to the
    last bit. Call it before the model is made: layers draw their seeds when they are made.

    `keras.utils.set_random_seed` does the same, and loads TensorFlow wherever it is installed.

    >>> set_seed(7)
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (Keras' own data adapters draw from it)
    seeds.set_native_seed(keras.backend.backend(), seed)

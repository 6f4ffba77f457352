"""Inputs with a different number of ids for each example, where the framework has such tensors.

Every module here has the same names:

- ``is_ragged(value)``: whether it is a ragged or sparse tensor.
- ``entries(ids, weights)``: what it holds, as flat tensors (`Entries`).
- ``map_values(function, value)``: the same tensor with ``function`` applied to what it holds.
"""

from __future__ import annotations

import importlib
from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras

__all__ = ["native"]

# JAX and PyTorch have no such tensors that a layer could take.
_module = "tensorflow" if keras.backend.backend() == "tensorflow" else "dense"
native: Any = importlib.import_module(f"shortlist._backend.ragged.{_module}")

"""Products of a sparse matrix and a dense one, written natively for each framework.

    prepare(entries) -> prepared
    product(prepared, dense [C, D]) -> [R, D]

``entries`` are those of the matrix ``[R, C]`` (`Entries`). ``prepare`` lays them out once, outside
of any compiled function, as the framework multiplies fastest. The gradient, to ``dense`` alone, is
the product with the transpose and as fast; the ``[P, D]`` terms are stored on TensorFlow only.
"""

from __future__ import annotations

import importlib
from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras

from shortlist._backend.graph.entries import Entries

__all__ = ["Entries", "prepare", "product"]

_kernels = importlib.import_module(f"shortlist._backend.graph.{keras.backend.backend()}")

prepare: Any = _kernels.prepare
product: Any = _kernels.product

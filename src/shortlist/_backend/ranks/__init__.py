"""Counting candidates by their scores, written natively for each framework.

    count(queries [B, D], candidates [N, D], low [B], high [B], enough) -> (above [B], reached [B])

says how many candidates have an inner product with each query that is more than ``high``, and how
many one of at least ``low``: int32, exact, without ever storing more than about ``BLOCK`` scores.
A query that ``enough`` candidates have passed is beyond saving: it is left out of what follows, and
both its numbers are then some number of at least ``enough``. After training that is most queries,
and on a large catalogue almost all of the work. Nothing is differentiable.
"""

from __future__ import annotations

import importlib
from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras

__all__ = ["count"]

count: Any = importlib.import_module(f"shortlist._backend.ranks.{keras.backend.backend()}").count

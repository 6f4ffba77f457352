"""The blockwise softmax cross-entropy, written natively for each framework.

    cross_entropy_sum(problem, block_size) -> scalar

computes::

    sum_r weight[r] * (log sum_c exp(queries[r] . candidates[c] + bias[c]) - positive[r])

``block_size`` rows at a time, together with its own gradient, so that no more than
``block_size x C`` logits exist at once. All floating arrays of the `Problem` have one dtype.
Gradients flow into queries, candidates, weight and positive, never into bias. Only first-order
gradients are defined.

    integer_ids(ids) -> integer tensor

makes ids comparable: strings (which TensorFlow alone has as tensors) become 62-bit hashes.

    places_of_distinct(rows [B, D]) -> (places [B], number, used)

says which of the distinct rows each row is, found by a 64-bit hash of its bits. ``number`` is how
many there are, and ``used`` None. JAX knows shapes only when it compiles: there ``number`` is
``B``, and ``used`` the scalar that says how many of them there are.
"""

from __future__ import annotations

import importlib
from typing import Any

from shortlist import _backend  # noqa: F401  # isort: skip
import keras

from shortlist._backend.softmax.problem import Problem

__all__ = ["Problem", "cross_entropy_sum", "integer_ids", "places_of_distinct"]

_kernels = importlib.import_module(f"shortlist._backend.softmax.{keras.backend.backend()}")

cross_entropy_sum: Any = _kernels.cross_entropy_sum
integer_ids: Any = _kernels.integer_ids
places_of_distinct: Any = _kernels.places_of_distinct

"""Reading and writing single rows of large tables, once for each Keras backend.

Every module here has the same names:

- ``integers(ids)``: ids of any integer dtype (or whole floats) as int32 or int64.
- ``gather(variable, ids)``: rows of a variable, without reading the rest of it and without a
  gradient to it. An id that is out of range reads zeros on JAX, any row on TensorFlow, and is an
  error on PyTorch.
- ``differentiable_gather(variable, ids)``: the same with a gradient to the variable. An id that is
  out of range reads NaN on JAX and is an error of the framework on TensorFlow and PyTorch.
- ``write(variable, ids, rows)``: replace rows in place; the ids are distinct, and those that are
  not below the number of rows are left out.
- ``sum_repeated(ids, gradients, size)``: distinct ids and the sums of their gradients. On JAX the
  shape stays static: what is left over has the id ``size``.
- ``outside(ids, size)``: ``[2]`` int, whether any id is out of range and the first that is; None
  where it has been found that none is. Where the ids are known it raises `OutOfRange`.
- ``Tape``: keeps the lookups of a step, and where their gradients arrive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING or keras.backend.backend() == "jax":
    from shortlist._backend.rows import jax as native
elif keras.backend.backend() == "tensorflow":
    from shortlist._backend.rows import tensorflow as native
else:
    from shortlist._backend.rows import torch as native

__all__ = ["native"]

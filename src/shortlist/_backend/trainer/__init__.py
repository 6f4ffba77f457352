"""The training step of `shortlist.models.Model`, once for each Keras backend.

Every module here defines one mix-in, ``StepTrainer``, with the same methods. It stands before
`keras.Model` in the bases of `Model` and replaces the parts of Keras' trainers that call
``model(x)`` by parts that call ``compute_loss``.

What Keras has no documented way for is taken from a few names with an underscore: here
``_symbolic_build`` and ``_maybe_symbolic_build`` (to build on the first batch) and ``_jax_state``;
in `Model` ``_clear_losses``, ``_flatten_layers`` and ``_loss_tracker``; in `RowOptimizer`
``_use_weight_decay``; in `Checkpoint` ``_initial_epoch``. ``tests/models/test_base.py`` says which
of them a new Keras lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from shortlist._backend.loaders import TakesLoaders

if TYPE_CHECKING or keras.backend.backend() == "jax":
    from shortlist._backend.trainer.jax import StepTrainer as NativeTrainer
elif keras.backend.backend() == "tensorflow":
    from shortlist._backend.trainer.tensorflow import StepTrainer as NativeTrainer
else:
    from shortlist._backend.trainer.torch import StepTrainer as NativeTrainer

__all__ = ["StepTrainer"]


class StepTrainer(TakesLoaders, NativeTrainer):
    """The trainer of the backend that Keras runs on."""

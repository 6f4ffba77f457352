"""The training step of `shortlist.models.Model`, once for each Keras backend.

Every module here defines one mix-in, ``StepTrainer``, with the same methods. It stands before
`keras.Model` in the bases of `Model` and replaces the parts of Keras' trainers that call
``model(x)`` by parts that call ``compute_loss``. All uses of methods that Keras does not document
(``_symbolic_build`` and ``_maybe_symbolic_build``, its hooks for building on the first batch) are
in these modules; ``tests/models/test_base.py`` fails where a new Keras changes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING or keras.backend.backend() == "jax":
    from shortlist._backend.trainer.jax import StepTrainer
elif keras.backend.backend() == "tensorflow":
    from shortlist._backend.trainer.tensorflow import StepTrainer
else:
    from shortlist._backend.trainer.torch import StepTrainer

__all__ = ["StepTrainer"]

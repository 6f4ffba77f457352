"""Whether the model runs on a TPU."""

from __future__ import annotations

from shortlist import _backend  # noqa: F401  # isort: skip
import keras

__all__ = ["on_tpu"]


def on_tpu() -> bool:
    """Whether layers made now will run on a TPU."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax  # noqa: PLC0415 - only the framework in use is loaded

        return jax.default_backend() == "tpu"
    if backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415

        return isinstance(tf.distribute.get_strategy(), tf.distribute.TPUStrategy)
    return False

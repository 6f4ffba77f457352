"""What the other replicas of ``tf.distribute`` hold, where a program has several."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["with_others"]


def with_others(values: list[Any]) -> list[Any]:
    """Each tensor with its own rows first, then those of the other replicas.

    Elsewhere than inside a replica of TensorFlow they come back as they are: on JAX a distributed
    batch is one batch already, and PyTorch has no replicas in Keras.

    Args:
        values: tensors ``[N, ...]`` of numbers; None stays None.
    """
    if keras.backend.backend() != "tensorflow":
        return values
    import tensorflow as tf  # noqa: PLC0415 - only the framework in use is loaded

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values

    def joined(value: Any) -> Any:
        value = tf.convert_to_tensor(value)
        sizes = context.all_gather(tf.shape(value)[:1], axis=0)
        before = tf.reduce_sum(sizes[: context.replica_id_in_sync_group])
        gathered = tf.roll(context.all_gather(value, axis=0), -before, axis=0)
        # The number of rows may differ from replica to replica; the rest is known.
        gathered.set_shape([None, *value.shape[1:]])
        return gathered

    return [None if value is None else joined(value) for value in values]

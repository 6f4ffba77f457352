"""The training step on TensorFlow: a gradient tape inside Keras' ``tf.function``."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class StepTrainer:
    """Trains and evaluates a model through its ``compute_loss`` on TensorFlow."""

    def _symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        self._maybe_symbolic_build(iterator, data_batch)

    def _maybe_symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        if data_batch is None and self._needs_batch():
            for _, _, batches in iterator:
                # The specification is enough to trace, and asking for a batch would lose the
                # ones that tf.data then reads ahead from a Python generator.
                data_batch = next(batches) if self.run_eagerly else batches.element_spec
                break
        with self.distribute_strategy.scope():
            self._prepare(data_batch)

    def _trace(self: Any, features: Any) -> None:
        """Create every variable by tracing ``compute_loss`` on the shapes of one batch."""
        if self.compiled and self.run_eagerly:
            with keras.StatelessScope():
                self._new_step()(features=features, training=False)
            return

        @tf.autograph.experimental.do_not_convert
        def forward(features: Any) -> Any:
            return self._new_step()(features=features, training=False)

        tf.function(forward).get_concrete_function(
            tf.nest.map_structure(
                lambda x: x if isinstance(x, tf.TypeSpec) else tf.convert_to_tensor(x), features
            )
        )

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        """One update of all variables from one batch."""
        variables = self.trainable_variables
        with tf.GradientTape() as tape:
            total, logs = self._measured_loss(data, training=True)
            scaled = self.optimizer.scale_loss(total)
        gradients = tape.gradient(scaled, [v.value for v in variables])
        self.optimizer.apply([sum_repeated(g) for g in gradients], variables)
        return logs

    def test_step(self: Any, data: Any) -> dict[str, Any]:
        """The loss and metrics of one batch, with no update of the weights."""
        return self._measured_loss(data, training=False)[1]


def sum_repeated(gradient: Any) -> Any:
    """Give each row of a sparse gradient once, with the sum of its parts.

    Keras' optimizers add the squares of the parts of a row that is looked up several times in a
    batch, where the square of their sum is meant, and so train embeddings wrongly.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, places = tf.unique(gradient.indices)
    sums = tf.math.unsorted_segment_sum(gradient.values, places, tf.shape(rows)[0])
    return tf.IndexedSlices(sums, rows, gradient.dense_shape)

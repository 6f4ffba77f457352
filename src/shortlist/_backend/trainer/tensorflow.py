"""The training step on TensorFlow: a gradient tape inside Keras' ``tf.function``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from shortlist._backend.rows.lookups import Lookup
from shortlist._backend.rows.tensorflow import Tape
from shortlist._backend.saved_model import SavedCall
from shortlist.errors import ConfigError


class StepTrainer(SavedCall):
    """Trains and evaluates a model through its ``compute_loss`` on TensorFlow."""

    def _symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        self._maybe_symbolic_build(iterator, data_batch)

    def _maybe_symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        if data_batch is None and self._needs_batch():
            for _, _, batches in iterator:
                # The specification is enough to trace, and asking for a batch would lose the
                # ones that tf.data then reads ahead from a Python generator.
                data_batch = next(batches) if self.run_eagerly else batches.element_spec
                data_batch = _of_one_replica(self.distribute_strategy, data_batch)
                break
        with self.distribute_strategy.scope():
            self._prepare_to_run(data_batch)
        if self._row_variables() and self.distribute_strategy.num_replicas_in_sync > 1:
            raise ConfigError(
                "shortlist.layers.Embedding expected one replica on TensorFlow; received a "
                f"strategy with {self.distribute_strategy.num_replicas_in_sync}. Use "
                "keras.layers.Embedding, or train on JAX with keras.distribution."
            )

    def _trace_loss(self: Any, features: Any) -> None:
        """Create every variable by tracing ``compute_loss`` on the shapes of one batch."""
        if self.compiled and self.run_eagerly:
            with keras.StatelessScope():
                self._new_loss_step()(features=features, training=False)
            return

        @tf.autograph.experimental.do_not_convert
        def forward(features: Any) -> Any:
            return self._new_loss_step()(features=features, training=False)

        shapes = tf.nest.map_structure(
            lambda x: x if isinstance(x, tf.TypeSpec) else tf.convert_to_tensor(x), features
        )
        # Replicated variables cannot be initialised out of a graph: that waits for the scope's end.
        replicated = self.distribute_strategy.num_replicas_in_sync > 1
        with keras.StatelessScope() if replicated else contextlib.nullcontext():
            tf.function(forward).get_concrete_function(shapes)

    def make_train_function(self: Any, force: bool = False) -> None:
        """Compile the step, and look at its ids after it."""
        if self.train_function is None or force:
            super().make_train_function(force)  # type: ignore[misc]
            self.train_function = self._with_skips(self._with_id_guard(self.train_function))

    def make_test_function(self: Any, force: bool = False) -> None:
        """Compile the evaluation of a batch, and look at its ids after it."""
        if self.test_function is None or force:
            super().make_test_function(force)  # type: ignore[misc]
            self.test_function = self._with_id_guard(self.test_function)

    def _with_id_guard(self: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(batches: Any) -> dict[str, Any]:
            logs = function(batches)
            self._refuse_ids(self._id_guard.found.value)
            return logs

        return run

    def _with_skips(self: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(batches: Any) -> dict[str, Any]:
            if not self._steps_to_skip:
                return function(batches)
            return {} if self._skip_execution(batches) else self.get_metrics_result()

        return run

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        """One update of all variables from one batch."""
        with tf.GradientTape() as gradient_tape:
            tape = Tape(self._row_variables(), gradient_tape)
            total, logs = self._measured_loss(data, True, tape)
            scaled = self.optimizer.scale_loss(total)
        dense = self._dense_variables()
        rows = [x.rows for x in tape.lookups]
        gradients = gradient_tape.gradient(scaled, [*(v.value for v in dense), *rows])
        parts = zip(tape.lookups, gradients[len(dense) :], strict=True)
        lookups = [Lookup(x.variable, x.ids, _dense(g, x.rows)) for x, g in parts]
        # Keras divides the gradients by a fixed loss scale, which single rows do not support.
        whole = getattr(self.optimizer, "inner", self.optimizer).loss_scale_factor is not None
        summed = [_summed(g, whole) for g in gradients[: len(dense)]]
        self._update_variables(summed, dense, lookups)
        return logs

    def test_step(self: Any, data: Any) -> dict[str, Any]:
        """The loss and metrics of one batch, with no update of the weights."""
        return self._measured_loss(data, False, Tape([]))[1]


def _of_one_replica(strategy: tf.distribute.Strategy, batch: Any) -> Any:
    """What the first replica sees of a batch, or of its specification."""
    if strategy.num_replicas_in_sync == 1:
        return batch

    def first(part: Any) -> Any:
        return tf.nest.map_structure(lambda x: strategy.experimental_local_results(x)[0], part)

    if not any(isinstance(x, tf.TypeSpec) for x in tf.nest.flatten(batch)):
        return first(batch)
    return tf.function(first).get_concrete_function(batch).structured_outputs


def _dense(gradient: Any, rows: Any) -> Any:
    """The gradient of looked-up rows, whether they were used once, in parts or not at all."""
    if gradient is None:
        return tf.zeros_like(rows)
    if isinstance(gradient, tf.IndexedSlices):
        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, tf.shape(rows)[0])
    return gradient


def _summed(gradient: Any, whole: bool) -> Any:
    """Give each row of a sparse gradient once, with the sum of its parts.

    Keras' optimizers add the squares of the parts of a row that is looked up several times in a
    batch, where the square of their sum is meant, and so train embeddings wrongly.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    if whole:
        return tf.convert_to_tensor(gradient)
    rows, places = tf.unique(gradient.indices)
    sums = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
    return tf.IndexedSlices(sums, rows, gradient.dense_shape)

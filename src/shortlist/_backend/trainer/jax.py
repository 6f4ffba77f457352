"""The training step on JAX: a pure function of the model's variables, compiled by Keras."""

from __future__ import annotations

from typing import Any

import jax
import keras

State = tuple[list[Any], ...]


class StepTrainer:
    """Trains and evaluates a model through its ``compute_loss`` on JAX."""

    def _symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        if data_batch is None and self._needs_batch():
            for _, _, batches in iterator:
                data_batch = next(batches)
                break
        self._prepare(data_batch)

    def _trace(self: Any, features: Any) -> None:
        """Create every variable by following ``compute_loss`` on the shapes of one batch."""
        if self.compiled and self.run_eagerly:
            with keras.StatelessScope():
                self._new_step()(features=features, training=False)
            return
        symbols = keras.tree.map_structure(
            lambda x: keras.KerasTensor(x.shape, keras.backend.standardize_dtype(x.dtype)),
            features,
        )
        self._new_step()(features=symbols, training=False)

    def train_step(self: Any, state: State, data: Any) -> tuple[dict[str, Any], State]:
        """One update of all variables from one batch."""
        trainable, non_trainable, optimizer_values, metric_values = state
        gradient = jax.value_and_grad(self._stateless_loss, has_aux=True)
        (_, (non_trainable, metric_values, logs)), gradients = gradient(
            trainable, non_trainable, metric_values, optimizer_values, data, training=True
        )
        trainable, optimizer_values = self.optimizer.stateless_apply(
            optimizer_values, gradients, trainable
        )
        return logs, (trainable, non_trainable, optimizer_values, metric_values)

    def test_step(self: Any, state: State, data: Any) -> tuple[dict[str, Any], State]:
        """The loss and metrics of one batch, with no update of the weights."""
        trainable, non_trainable, metric_values = state
        _, (non_trainable, metric_values, logs) = self._stateless_loss(
            trainable, non_trainable, metric_values, None, data, training=False
        )
        return logs, (trainable, non_trainable, metric_values)

    def _stateless_loss(
        self: Any,
        trainable: list[Any],
        non_trainable: list[Any],
        metric_values: list[Any],
        optimizer_values: list[Any] | None,
        data: Any,
        training: bool,
    ) -> tuple[Any, tuple[list[Any], list[Any], dict[str, Any]]]:
        references = [
            *zip(self.trainable_variables, trainable, strict=True),
            *zip(self.non_trainable_variables, non_trainable, strict=True),
            *zip(self.metrics_variables, metric_values, strict=True),
        ]
        if optimizer_values is not None:
            references += zip(self.optimizer.variables, optimizer_values, strict=True)
        with keras.StatelessScope(state_mapping=references, collect_losses=True) as scope:
            total, logs = self._measured_loss(data, training)
            if training:
                total = self.optimizer.scale_loss(total)
        updated = [scope.get_current_value(v) for v in self.non_trainable_variables]
        measured = [scope.get_current_value(v) for v in self.metrics_variables]
        return total, (updated, measured, logs)

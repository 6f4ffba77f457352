"""The training step on PyTorch: eager, with the optimizer applied by Keras."""

from __future__ import annotations

from typing import Any

import keras
import torch


class StepTrainer:
    """Trains and evaluates a model through its ``compute_loss`` on PyTorch."""

    def _symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        if data_batch is None and self._needs_batch():
            for _, _, batches in iterator:
                data_batch = batches[0]
                break
        self._prepare(data_batch)

    def _trace(self: Any, features: Any) -> None:
        """Create every variable by running ``compute_loss`` on one batch, changing no state."""
        with keras.StatelessScope(), torch.no_grad():
            self._new_step()(features=features, training=False)

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        """One update of all variables from one batch."""
        self.zero_grad()
        total, logs = self._measured_loss(data, training=True)
        self.optimizer.scale_loss(total).backward()
        variables = self.trainable_variables
        with torch.no_grad():
            self.optimizer.apply([v.value.grad for v in variables], variables)
        return logs

    def test_step(self: Any, data: Any) -> dict[str, Any]:
        """The loss and metrics of one batch, with no update of the weights."""
        return self._measured_loss(data, training=False)[1]

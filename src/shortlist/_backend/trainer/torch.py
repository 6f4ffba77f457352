"""The training step on PyTorch: eager, with the optimizer applied by Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import torch

from shortlist._backend.rows.lookups import Lookup
from shortlist._backend.rows.torch import Tape


class StepTrainer:
    """Trains and evaluates a model through its ``compute_loss`` on PyTorch."""

    def _symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        if data_batch is None and self._needs_batch():
            for _, _, batches in iterator:
                data_batch = batches[0]
                break
        self._prepare_to_run(data_batch)

    def _trace_loss(self: Any, features: Any) -> None:
        """Create every variable by running ``compute_loss`` on one batch, changing no state."""
        with keras.StatelessScope(), torch.no_grad():
            self._new_loss_step()(features=features, training=False)

    def make_train_function(self: Any, force: bool = False) -> None:
        """Make the step, or pass over the batches that are to be skipped."""
        if self.train_function is None or force:
            super().make_train_function(force)  # type: ignore[misc]
            self.train_function = self._with_skips(self.train_function)

    def _with_skips(self: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(batches: Any) -> dict[str, Any]:
            if not self._steps_to_skip:
                return function(batches)
            return {} if self._skip_execution(iter(batches)) else self.get_metrics_result()

        return run

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        """One update of all variables from one batch."""
        self.zero_grad()
        tape = Tape(self._row_variables())
        total, logs = self._measured_loss(data, True, tape)
        self.optimizer.scale_loss(total).backward()
        with torch.no_grad():
            lookups = [
                Lookup(
                    x.variable,
                    x.ids,
                    torch.zeros_like(x.rows) if x.rows.grad is None else x.rows.grad,
                )
                for x in tape.lookups
            ]
            dense = self._dense_variables()
            self._update_variables([v.value.grad for v in dense], dense, lookups)
        return logs

    def test_step(self: Any, data: Any) -> dict[str, Any]:
        """The loss and metrics of one batch, with no update of the weights."""
        return self._measured_loss(data, False, Tape([]))[1]

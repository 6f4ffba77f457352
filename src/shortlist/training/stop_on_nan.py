"""`StopOnNaN`: end a training whose loss is no number, and keep what caused it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from shortlist._backend import processes
from shortlist.bundle import Draft, write_folder
from shortlist.errors import TrainingError
from shortlist.training.dataset import BatchDataset

__all__ = ["StopOnNaN"]


class StopOnNaN(keras.callbacks.Callback):
    """Raises an error at the first step whose loss is NaN or infinite, and saves its batch.

    The error names the epoch and the step, both from 0. The batch, and so the ids in it, is
    written to ``folder/nan-epoch-E-step-S/batch.safetensors``. A `Checkpoint` saves no step whose
    loss is no number, so the last good one stays; give the run a smaller learning rate or clip
    its gradients, and it goes on from there.

    Args:
        folder: where the batch is written.
        data: the data set given to ``fit``; without it the batch cannot be made again.

    Raises:
        TrainingError: from ``fit``, when the loss is NaN or infinite.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, data: BatchDataset | None = None
    ) -> None:
        super().__init__()
        self.folder = None if folder is None else Path(folder)
        self.data = data

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin to look at the steps of an epoch."""
        del logs
        self._epoch = epoch
        self._looked_at: tuple[int, Any] | None = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss of the step before, which is known by now without waiting for it."""
        before, self._looked_at = self._looked_at, (batch, (logs or {}).get("loss"))
        self._look(before)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the last step."""
        del epoch, logs
        self._look(self._looked_at)

    def _look(self, seen: tuple[int, Any] | None) -> None:
        if seen is None or seen[1] is None:
            return
        step, loss = seen[0], float(seen[1])
        # The loss in the logs is the mean of the epoch; one NaN makes every later one NaN.
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} at epoch {self._epoch}, step {step} (both from 0). "
                f"{self._saved(step)} Look for labels, weights or features that are no numbers in "
                "it, lower the learning rate, or clip the gradients (clipnorm=)."
            )

    def _saved(self, step: int) -> str:
        if self.folder is None or self.data is None:
            return "Its batch was not saved: give StopOnNaN a folder and the data set to save it."
        if processes.index():
            return "Process 0 saves its batch."
        batch = self.data.batches.batch(self._epoch, step)
        arrays = {k: v for k, v in batch.items() if np.asarray(v).dtype.kind in "biuf"}
        path = self.folder / f"nan-epoch-{self._epoch}-step-{step}"

        def write(draft: Draft) -> None:
            draft.write_arrays("batch.safetensors", arrays)

        write_folder(path, write, kind="batch", metadata={"epoch": self._epoch, "step": step})
        return f"Its batch is in {path / 'batch.safetensors'}."

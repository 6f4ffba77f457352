"""`Progress`: one line on standard error that says how far training is."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from shortlist._backend import processes

__all__ = ["Progress"]


class Progress(keras.callbacks.Callback):
    """Shows epoch, loss, samples per second and the time left, on standard error.

    Use it with ``fit(..., verbose=0)``. On a terminal it is one line that renews itself; anywhere
    else it is one line an epoch. Of several processes the first one writes.

    Args:
        batch_size: the rows of a batch, to count samples with.
        console: where to write; standard error by default.
    """

    # Reading the loss waits for the step, so it is not done at every one of them.
    _interval = 0.25

    def __init__(self, batch_size: int, *, console: Console | None = None) -> None:
        super().__init__()
        self.batch_size = batch_size
        self._console = console or Console(stderr=True)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Draw the line."""
        del logs
        self._console.quiet |= processes.index() > 0
        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.fields[rate]:,.0f} samples/s"),
            TimeRemainingColumn(),
            TextColumn("left  {task.fields[loss]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        epochs = self.params.get("epochs", 1)
        self._task = self._bar.add_task("", total=None, epoch=0, epochs=epochs, rate=0.0, loss="")
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the steps of an epoch anew."""
        del logs
        self._done, self._begun = 0, time.perf_counter()
        self._shown = self._begun
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Renew the line, a few times a second."""
        self._done = batch + 1
        now = time.perf_counter()
        if now - self._shown >= self._interval:
            self._shown = now
            self._show(logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's line where there is no terminal."""
        del epoch
        self._show(logs or {})
        if not self._console.is_terminal:
            epochs = self.params.get("epochs", 1)
            values = "  ".join(f"{name} {float(x):.4g}" for name, x in (logs or {}).items())
            self._console.print(
                f"epoch {self._epoch + 1}/{epochs}  {self._rate():,.0f} samples/s  {values}",
                soft_wrap=True,
            )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Take the line away."""
        del logs
        self._bar.stop()

    def _rate(self) -> float:
        elapsed = time.perf_counter() - self._begun
        return self._done * self.batch_size / elapsed if elapsed > 0 else 0.0

    def _show(self, logs: dict[str, Any]) -> None:
        steps, epochs = self.params.get("steps"), self.params.get("epochs", 1)
        loss = f"loss {float(logs['loss']):.4g}" if "loss" in logs else ""
        self._bar.update(
            self._task,
            total=steps * epochs if steps else None,
            completed=self._epoch * (steps or 0) + self._done,
            epoch=self._epoch + 1,
            rate=self._rate(),
            loss=loss,
        )

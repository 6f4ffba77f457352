"""`Validation`: judge a model on the whole catalogue while it trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import keras
import numpy as np

from shortlist._backend import processes
from shortlist.errors import ConfigError, nearest
from shortlist.training.state import to_array

__all__ = ["Validation"]


class Validation(keras.callbacks.Callback):
    """Calls an evaluation after epochs, logs what it finds, stops early and keeps the best weights.

    What a batch's loss says of a recommender is little; what counts is how it ranks the whole
    catalogue. ``evaluate`` is any function without arguments that returns numbers by name, such as
    one that ranks for the validation users and returns recall and ndcg. They are added to the logs
    as ``val_<name>``, so History, the progress bar, CSV and TensorBoard callbacks listed after
    this one show them.

    Args:
        evaluate: makes the numbers.
        monitor: the name of the one to go by; None to only log.
        mode: whether the best is the largest (``"max"``) or the smallest (``"min"``).
        patience: stop after this many evaluations in a row without a better one; None never.
        min_delta: by how much a number must be better to count as better.
        restore_best: at the end of training, give the model the weights of the best evaluation.
        every: evaluate after each this many epochs.

    Attributes:
        best: the best number so far, or None.
        best_epoch: its epoch, from 0.

    Raises:
        ConfigError: an argument is wrong, or ``evaluate`` does not return ``monitor``.
    """

    def __init__(
        self,
        evaluate: Callable[[], Mapping[str, float]],
        *,
        monitor: str | None = None,
        mode: Literal["max", "min"] = "max",
        patience: int | None = None,
        min_delta: float = 0.0,
        restore_best: bool = True,
        every: int = 1,
    ) -> None:
        super().__init__()
        if mode not in ("max", "min"):
            raise ConfigError(f"mode expected 'max' or 'min'; received {mode!r}.")
        for name, value in (("patience", 1 if patience is None else patience), ("every", every)):
            if value < 1:
                raise ConfigError(f"{name} expected 1 or more; received {value!r}.")
        if monitor is None and patience is not None:
            raise ConfigError("patience expected monitor to say which number to go by.")
        self.evaluate = evaluate
        self.monitor = monitor
        self.patience = patience
        self.every = every
        self._sign = 1.0 if mode == "max" else -1.0
        self._min_delta = min_delta
        self._restore_best = restore_best
        self.reset()

    def reset(self) -> None:
        """Forget every evaluation."""
        self.best: float | None = None
        self.best_epoch: int | None = None
        self._weights: list[np.ndarray] = []
        self._waited = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the last training."""
        del logs
        self.reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluate, log, and remember or stop."""
        if (epoch + 1) % self.every:
            return
        # Processes that go on together must decide alike.
        found = processes.of_first({n: float(value) for n, value in self.evaluate().items()})
        if logs is not None:
            logs |= {f"val_{name}": value for name, value in found.items()}
        if self.monitor is None:
            return
        if self.monitor not in found:
            raise ConfigError(
                f"monitor expected one of {sorted(found)}, which evaluate() returned; received "
                f"{self.monitor!r}.{nearest(self.monitor, found)}"
            )
        self._judge(epoch, found[self.monitor])

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Give the model its best weights."""
        del logs
        if self._restore_best and self._weights:
            self.model.set_weights(self._weights)

    def _judge(self, epoch: int, value: float) -> None:
        ahead = self.best is None or self._sign * (value - self.best) > self._min_delta
        # A NaN is never better, and as the first value it is no measure for the others.
        if ahead and not np.isnan(value):
            self.best, self.best_epoch, self._waited = value, epoch, 0
            if self._restore_best:
                self._weights = [to_array(v) for v in self.model.weights]
            return
        self._waited += 1
        if self.finished:
            self.model.stop_training = True

    @property
    def finished(self) -> bool:
        """Whether it stopped the training."""
        return self.patience is not None and self._waited >= self.patience

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What `Checkpoint` saves of it."""
        facts = {"best": self.best, "best_epoch": self.best_epoch, "waited": self._waited}
        return facts, {f"{place:05d}": array for place, array in enumerate(self._weights)}

    def restore(self, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Go on from what `Checkpoint` saved."""
        self.best, self.best_epoch = facts["best"], facts["best_epoch"]
        self._waited = facts["waited"]
        self._weights = [arrays[key] for key in sorted(arrays)]

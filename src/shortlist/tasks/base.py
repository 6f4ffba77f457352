"""What tasks have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from shortlist.metrics import Factorized

__all__ = ["MeasuredTask", "Task", "as_list", "parts_of"]


class Task:
    """A marker: inherit from it to tell a task from other Keras layers."""


class MeasuredTask(keras.layers.Layer, Task):
    """A layer that returns a loss and updates groups of metrics, all of them listed by `metrics`.

    It casts nothing: identifiers and weights do not survive half precision.
    """

    def __init__(self, groups: dict[str, Any], name: str | None) -> None:
        super().__init__(name=name, dtype="float32", autocast=False)
        # Inside an object that Keras does not look into: what Keras tracks cannot be exchanged
        # once a model is built, and an index is often put in place of a metric's after training.
        self._groups = _Groups(groups)
        self.built = True

    @property
    def metrics(self) -> list[Any]:
        """All metrics of the task, each one number; a `Factorized` consists of several."""
        found = [metric for group in self._groups.by_name.values() for metric in group]
        return [part for metric in found for part in parts_of(metric)]

    def _group(self, name: str) -> list[Any]:
        return self._groups.by_name[name]


class _Groups:
    def __init__(self, groups: dict[str, Any]) -> None:
        self.by_name = {name: as_list(metrics) for name, metrics in groups.items()}


def as_list(metrics: Any) -> list[Any]:
    """No metric, one, or several, as a list."""
    if metrics is None:
        return []
    return list(metrics) if isinstance(metrics, Sequence) else [metrics]


def parts_of(metric: Any) -> list[Any]:
    """The metrics of one number each that a metric consists of."""
    return metric.metrics if isinstance(metric, Factorized) else [metric]

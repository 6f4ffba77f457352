"""`MultiTask`: several tasks to one loss, each with its weight, its mask and its metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError, nearest
from shortlist.tasks.base import MeasuredTask
from shortlist.tasks.ranking import Ranking

Tensor = Any

__all__ = ["MultiTask"]


class MultiTask(MeasuredTask):
    r"""Adds up the losses of named tasks, by fixed weights or by weights that are learned.

    ::

        self.task = MultiTask(
            {"retrieval": Retrieval(), "rating": Ranking(keras.losses.MeanSquaredError())},
            weights={"retrieval": 1.0, "rating": 0.5},
        )
        ...
        return self.task({
            "retrieval": {"query_embeddings": users, "candidate_embeddings": items},
            "rating": {"labels": ratings, "predictions": predicted},
        })

    With ``weights="uncertainty"`` each task has a learned log-variance :math:`s_t`, 0 at first:

    .. math:: \mathrm{loss} = \sum_t \exp(-s_t) \, \mathrm{loss}_t + s_t / 2

    which for a likelihood is the formula of the paper, and for a squared error too, up to a
    constant (its factor of one half is absorbed by :math:`s_t`). It may be negative.

    A label that is NaN is missing, and so is one where the task's ``label_mask`` is False. Missing
    labels take no part in the task's loss and metrics; a task without any label in a batch adds 0,
    with no gradient, and so does a task that is not called for.

    The logs hold ``NAME/loss`` of every task, the mean over its labelled examples, its metrics as
    ``NAME/METRIC`` (those of a corpus keep their own names), and with learned weights
    ``NAME/weight``.

    Args:
        tasks: name -> task, such as `Ranking` and `Retrieval`.
        weights: name -> weight, 1 where it is not given; or ``"uncertainty"``.
        name: the layer's name.

    Raises:
        ConfigError: there is no task, or a weight has no task, is negative or no number.

    Reference: Kendall, Gal and Cipolla 2018, "Multi-task learning using uncertainty to weigh
    losses for scene geometry and semantics".

    >>> import numpy as np
    >>> error = keras.losses.MeanSquaredError
    >>> both = MultiTask({"a": Ranking(error()), "b": Ranking(error())}, weights={"b": 10.0})
    >>> one, two = np.array([1.0, np.nan], "float32"), np.array([2.0, 2.0], "float32")
    >>> zero = np.zeros(2, "float32")
    >>> float(both({"a": {"labels": one, "predictions": zero},
    ...             "b": {"labels": two, "predictions": zero}}))    # 1 + 10 * 4
    41.0
    """

    def __init__(
        self,
        tasks: Mapping[str, Any],
        weights: Mapping[str, float] | str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__({}, name)
        if not tasks:
            raise ConfigError("MultiTask expected at least one task; received none.")
        self.tasks = dict(tasks)
        self.learns_weights = isinstance(weights, str)
        self._fixed = dict.fromkeys(self.tasks, 1.0)
        if isinstance(weights, str):
            _check_keyword(weights)
            self._log_variances = {
                task: self.add_weight((), "zeros", name=f"{task}_log_variance")
                for task in self.tasks
            }
        else:
            self._fixed |= _checked(weights or {}, self.tasks)
        self._losses_seen = {n: keras.metrics.Mean(name=f"{n}/loss") for n in self.tasks}
        self._weights_seen = (
            {n: keras.metrics.Mean(name=f"{n}/weight") for n in self.tasks}
            if self.learns_weights
            else {}
        )
        for task_name, task in self.tasks.items():
            for metric in getattr(task, "metrics", []):
                # Two tasks may both measure an "auc"; logs have one name for each.
                if not metric.name.startswith(f"{task_name}/"):
                    metric.name = f"{task_name}/{metric.name}"

    @property
    def metrics(self) -> list[Any]:
        """The losses of the tasks, their learned weights and all their metrics."""
        own = [*self._losses_seen.values(), *self._weights_seen.values()]
        return own + [m for task in self.tasks.values() for m in getattr(task, "metrics", [])]

    def task_weights(self) -> dict[str, Tensor]:
        """The weight that each task has now."""
        if not self.learns_weights:
            return dict(self._fixed)
        return {name: ops.exp(-ops.convert_to_tensor(s)) for name, s in self._log_variances.items()}

    def call(
        self,
        inputs: Mapping[str, Mapping[str, Any]],
        training: bool | None = None,  # noqa: ARG002  (Keras hands it down to the tasks)
    ) -> Tensor:
        """The weighted sum of the tasks' losses.

        Args:
            inputs: task -> the arguments it is called with. Those of a `Ranking` may hold NaN
                among their ``labels``, and ``label_mask``; any other task may be given a
                ``label_mask`` ``[B]`` too, which multiplies its ``sample_weight``.
            training: whether this is a training step.

        Raises:
            ConfigError: a name is no task, or the loss of a task is no scalar.
        """
        unknown = sorted(set(inputs) - set(self.tasks))
        if unknown:
            raise ConfigError(
                f"MultiTask has the tasks {sorted(self.tasks)}; received {unknown[0]!r}."
                f"{nearest(unknown[0], self.tasks)}"
            )
        weights = self.task_weights()
        total: Tensor = ops.zeros((), "float32")
        for name, arguments in inputs.items():
            loss, count = self._one(name, dict(arguments))
            self._losses_seen[name].update_state(loss, sample_weight=count)
            term = weights[name] * loss
            if self.learns_weights:
                self._weights_seen[name].update_state(weights[name])
                term = term + ops.convert_to_tensor(self._log_variances[name]) / 2
            total = total + ops.where(count > 0, term, 0)
        return total

    def _one(self, name: str, arguments: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """The loss of a task, and how many labelled examples it has."""
        task = self.tasks[name]
        present = arguments.pop("label_mask", None)
        if isinstance(task, Ranking):
            arguments, present = _without_missing(arguments, present)
            if present is not None:
                arguments["label_mask"] = present
        elif present is not None:
            known = ops.cast(present, "float32")
            weight = arguments.get("sample_weight")
            arguments["sample_weight"] = known if weight is None else known * weight
        loss = ops.cast(task(**arguments), "float32")
        if len(loss.shape) != 0:
            raise ConfigError(
                f"MultiTask expected the task {name!r} to return a scalar; received a loss of "
                f"shape {tuple(loss.shape)}. Give its loss a reduction."
            )
        if present is not None:
            return loss, ops.sum(ops.cast(present, "float32"))
        first = next(value for value in arguments.values() if getattr(value, "shape", ()) != ())
        return loss, ops.cast(ops.shape(first)[0], "float32")


def _without_missing(
    arguments: dict[str, Any], present: Tensor | None
) -> tuple[dict[str, Any], Tensor | None]:
    """The arguments with numbers for labels, and where they are not missing."""
    labels = ops.convert_to_tensor(arguments["labels"])
    if present is not None:
        present = ops.cast(present, "bool")
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(labels.dtype)):
        return {**arguments, "labels": labels}, present
    told = ops.logical_not(ops.isnan(labels))
    labels = ops.where(told, labels, ops.zeros_like(labels))
    if present is not None:
        while len(present.shape) < len(told.shape):
            present = present[..., None]
        told = ops.logical_and(told, present)
    return {**arguments, "labels": labels}, told


def _check_keyword(weights: str) -> None:
    if weights != "uncertainty":
        raise ConfigError(
            f"weights expected name -> number, or 'uncertainty'; received {weights!r}."
            f"{nearest(weights, ['uncertainty'])}"
        )


def _checked(weights: Mapping[str, float], tasks: Mapping[str, Any]) -> dict[str, float]:
    for name, weight in weights.items():
        if name not in tasks:
            raise ConfigError(
                f"weights has {name!r}, but the tasks are {sorted(tasks)}.{nearest(name, tasks)}"
            )
        if not (math.isfinite(weight) and weight >= 0):
            raise ConfigError(
                f"weights expected numbers of 0 or more; received {weight} for {name!r}."
            )
    return {name: float(weight) for name, weight in weights.items()}

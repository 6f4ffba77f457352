"""`MultiTaskRanker`: several scores of one meeting, from experts that the tasks share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, nearest
from shortlist.features import Encoder, FeatureInfo
from shortlist.layers.experts import PLE, MMoE, SharedBottom
from shortlist.models.inputs import Features, Inputs
from shortlist.models.ranker import Ranker
from shortlist.tasks.multi_task import MultiTask
from shortlist.tasks.ranking import Ranking

__all__ = ["CHANCES", "MultiTaskRanker"]

#: What a probability is held within: a product of powers needs one that is not 0.
CHANCES = (1e-6, 1 - 1e-6)

TaskLoss = Literal["binary", "squared"]
Experts = Literal["shared_bottom", "mmoe", "ple"]
_LOSSES = ("binary", "squared")
_EXPERTS: Mapping[str, Any] = MappingProxyType(
    {"shared_bottom": SharedBottom, "mmoe": MMoE, "ple": PLE}
)


@keras.saving.register_keras_serializable(package="shortlist")
class MultiTaskRanker(Ranker):
    """Vectors and numbers through experts that the tasks share, then a small MLP for each task.

    A batch for ``fit`` is a dict of the features, the labels of every task under its name, of the
    features' leading shape, and optionally ``sample_weight`` ``[B]``. A label that is NaN is
    missing; a task without any in a batch adds nothing to its loss.

    Args:
        features: as for `Ranker`.
        tasks: name -> loss: ``"binary"`` for labels from 0 to 1, ``"squared"`` for numbers.
        experts: "shared_bottom", "mmoe" or "ple"; see `shortlist.layers`.
        expert_units: the layers of each expert.
        hidden_units: the layers of each task's own MLP, on what the experts give it.
        weights: name -> weight of the loss, 1 where it is not given; or "uncertainty", which
            learns them (see `MultiTask`).
        initials: name -> what the task says before anything is learned, as a label.
        bounds: name -> the least and the largest label of a "squared" task; `score` says nothing
            beyond them.
        **kwargs: ``embedding_dim`` and ``dropout`` of `Ranker`.

    Raises:
        ConfigError: there is no task, a loss or the experts are unknown, an option names no task,
            or a task has the name of a feature.

    >>> from shortlist.features import FeatureInfo
    >>> features = {name: FeatureInfo("categorical", size=10) for name in ("user", "item")}
    >>> ranker = MultiTaskRanker(features, tasks={"click": "binary", "rating": "squared"})
    >>> ranker.score({"user": [1, 2], "item": [3, 4]}).tolist()
    [[0.5, 0.0], [0.5, 0.0]]
    """

    _has_head = False
    _has_missing_labels = True
    _fixed = frozenset({"loss", "label", "initial"})

    def __init__(
        self,
        features: Encoder | Mapping[str, FeatureInfo | Mapping[str, Any]],
        *,
        tasks: Mapping[str, TaskLoss],
        experts: Experts = "mmoe",
        expert_units: Sequence[int] = (64,),
        hidden_units: Sequence[int] = (32,),
        weights: Mapping[str, float] | str | None = None,
        initials: Mapping[str, float] | None = None,
        bounds: Mapping[str, Sequence[float]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(features, hidden_units=hidden_units, **kwargs)
        self.tasks = _checked(tasks, self.features)
        if experts not in _EXPERTS:
            raise ConfigError(
                f"experts expected one of {tuple(_EXPERTS)}; received {experts!r}."
                f"{nearest(str(experts), _EXPERTS)}"
            )
        for option, given in (("initials", initials), ("bounds", bounds)):
            for name in given or {}:
                if name not in self.tasks:
                    raise ConfigError(
                        f"{option} names the task {name!r}; the tasks are {[*self.tasks]}."
                        f"{nearest(name, self.tasks)}"
                    )
        self.experts_name = experts
        self.expert_units = tuple(expert_units)
        self.weights_of_tasks = weights if isinstance(weights, str) else dict(weights or {})
        self.initials = {name: float(value) for name, value in (initials or {}).items()}
        self.bounds = {name: tuple(map(float, pair)) for name, pair in (bounds or {}).items()}
        self._answer_shape = (len(self.tasks),)
        self._make_task_layers()

    def _make_task_layers(self) -> None:
        kind = _EXPERTS[self.experts_name]
        self.experts = kind(
            len(self.tasks), units=self.expert_units, dropout=self.dropout, name="experts"
        )
        self.task_hidden = [
            self._mlp(self.hidden_units, name=f"hidden_{n}") for n in range(len(self.tasks))
        ]
        self.task_outputs = [
            keras.layers.Dense(
                1,
                kernel_initializer="zeros",
                bias_initializer=keras.initializers.Constant(self._start(task)),
                name=f"score_{n}",
            )
            for n, task in enumerate(self.tasks)
        ]
        losses = {
            "binary": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
            "squared": keras.losses.MeanSquaredError,
        }
        self.task = MultiTask(
            {name: Ranking(losses[loss]()) for name, loss in self.tasks.items()},
            weights=self.weights_of_tasks,
        )

    def _start(self, task: str) -> float:
        """The first output of a task: a logit for probabilities."""
        value = self.initials.get(task)
        if value is None or self.tasks[task] == "squared":
            return value or 0.0
        chance = min(max(value, 1e-4), 1 - 1e-4)
        return math.log(chance / (1 - chance))

    @property
    def label_losses(self) -> dict[str, str]:
        """The loss of each name that a batch holds labels under."""
        return dict(self.tasks)

    def logits(self, inputs: Inputs) -> Any:
        """``[N, T]``: what each task says, log-odds for probabilities."""
        vectors = self.experts(inputs.flat)
        parts = [
            output(self.dropping(hidden(vector)))
            for vector, hidden, output in zip(
                vectors, self.task_hidden, self.task_outputs, strict=True
            )
        ]
        return ops.concatenate(parts, axis=-1)

    def _shaped(self, logits: Any, lead: tuple[Any, ...]) -> Any:
        return ops.reshape(logits, (-1, *lead[1:], len(self.tasks)))

    def answers(self, features: Features) -> Any:
        """``[..., T]``: probabilities, and numbers within their bounds."""
        logits = self(features)
        parts = []
        for n, (name, loss) in enumerate(self.tasks.items()):
            said = logits[..., n]
            if loss == "binary":
                said = ops.clip(ops.sigmoid(said), *CHANCES)
            elif name in self.bounds:
                said = ops.clip(said, *self.bounds[name])
            parts.append(said)
        return ops.stack(parts, axis=-1)

    def task_scores(self, features: Features) -> dict[str, np.ndarray]:
        """What `score` says, by task: float32 of the leading shape of the features."""
        found = self.score(features)
        return {name: found[..., n] for n, name in enumerate(self.tasks)}

    def probabilities(self, features: Features) -> np.ndarray:
        """There is none: every task has a score of its own.

        Raises:
            ConfigError: always.
        """
        del features
        raise ConfigError(
            "probabilities() expected a ranker of one task; this one has "
            f"{[*self.tasks]}. Use task_scores()."
        )

    def compute_loss(self, features: Features, training: bool = False) -> Any:
        """The weighted sum of the tasks' losses, each a mean over its labelled examples."""
        scores = self(features, training=training)
        weight = features.get("sample_weight")
        inputs: dict[str, dict[str, Any]] = {}
        for n, name in enumerate(self.tasks):
            labels = ops.cast(self._labels(features, name), scores.dtype)
            inputs[name] = {
                "labels": ops.reshape(labels, (-1,)),
                "predictions": ops.reshape(scores[..., n], (-1,)),
            }
            if weight is not None:
                weights = ops.cast(weight, scores.dtype)
                while len(weights.shape) < len(labels.shape):
                    weights = weights[..., None]
                weights = weights * ops.ones_like(labels)
                inputs[name]["sample_weight"] = ops.reshape(weights, (-1,))
        return self.task(inputs, training=training)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        config = super().get_config()
        return {
            **{key: value for key, value in config.items() if key not in self._fixed},
            "tasks": dict(self.tasks),
            "experts": self.experts_name,
            "expert_units": list(self.expert_units),
            "weights": self.weights_of_tasks,
            "initials": self.initials,
            "bounds": {name: list(pair) for name, pair in self.bounds.items()},
        }


def _checked(tasks: Mapping[str, str], features: Mapping[str, Any]) -> dict[str, str]:
    if not tasks:
        raise ConfigError("MultiTaskRanker expected at least one task; received none.")
    for name, loss in tasks.items():
        if loss not in _LOSSES:
            raise ConfigError(
                f"The task {name!r} expected a loss, one of {_LOSSES}; received {loss!r}."
                f"{nearest(str(loss), _LOSSES)}"
            )
        if name in features:
            raise ConfigError(
                f"The task {name!r} has the name of a feature, so a batch could not hold both. "
                "Call one of them something else."
            )
    return dict(tasks)

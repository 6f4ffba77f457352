"""What tasks share: one network, a mixture of experts, or several levels of both.

    SharedBottom   one network for all tasks
    MMoE           experts for all, and each task's own mixture of them
    PLE            experts for all and experts of one task, mixed level by level

Each gives one vector a task, for a head of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers._masking import masked_softmax
from shortlist.layers.mlp import MLP

__all__ = ["PLE", "MMoE", "SharedBottom"]


class _Experts(keras.layers.Layer):
    """What the three have in common."""

    def __init__(self, tasks: int, units: Sequence[int], dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tasks = _positive(type(self).__name__, "tasks", tasks)
        self.units = tuple(units)
        self.dropout = dropout

    def _expert(self) -> MLP:
        return MLP(
            self.units, final_activation="relu", dropout=self.dropout, dtype=self.dtype_policy
        )

    def _gate(self, experts: int) -> Any:
        return keras.layers.Dense(experts, use_bias=False, dtype=self.dtype_policy)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """One shape a task."""
        return [(input_shape[0], self.units[-1])] * self.tasks

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "tasks": self.tasks,
            "units": list(self.units),
            "dropout": self.dropout,
        }


@keras.saving.register_keras_serializable(package="shortlist")
class SharedBottom(_Experts):
    """One network that all tasks read.

    Args:
        tasks: how many vectors are returned; all are the same.
        units: the layers of the network.
        dropout: between them, in training.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        x: ``[B, D]``.

    Returns:
        A list of ``tasks`` tensors ``[B, units[-1]]``.

    Reference: Caruana 1997, "Multitask Learning".

    >>> import numpy as np
    >>> len(SharedBottom(tasks=2, units=[8, 4])(np.ones((3, 5), "float32")))
    2
    """

    def __init__(
        self, tasks: int, units: Sequence[int] = (64,), dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(tasks, units, dropout, **kwargs)
        self.network = self._expert()

    def build(self, input_shape: Any) -> None:
        """Create the network."""
        self.network.build(input_shape)
        self.built = True

    def call(self, x: Any, training: bool = False) -> list[Any]:
        """The same vector for each task."""
        return [self.network(x, training=training)] * self.tasks


@keras.saving.register_keras_serializable(package="shortlist")
class MMoE(_Experts):
    r"""Experts that all tasks share, and for each task a gate that mixes them.

    .. math:: y_t = \sum_{i=1}^{K} \mathrm{softmax}(W_t x)_i\, f_i(x)

    Args:
        tasks: how many there are.
        experts: ``K``.
        units: the layers of each expert.
        dropout: between them, in training.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        x: ``[B, D]``.

    Returns:
        A list of ``tasks`` tensors ``[B, units[-1]]``.

    Reference: Ma et al. 2018, "Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts".

    >>> import numpy as np
    >>> first, second = MMoE(tasks=2, experts=3, units=[4])(np.ones((3, 5), "float32"))
    >>> first.shape == (3, 4)
    True
    """

    def __init__(
        self,
        tasks: int,
        experts: int = 4,
        units: Sequence[int] = (64,),
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(tasks, units, dropout, **kwargs)
        self.expert_count = _positive("MMoE", "experts", experts)
        self.experts = [self._expert() for _ in range(experts)]
        self.gates = [self._gate(experts) for _ in range(tasks)]

    def build(self, input_shape: Any) -> None:
        """Create experts and gates."""
        for layer in (*self.experts, *self.gates):
            layer.build(input_shape)
        self.built = True

    def call(self, x: Any, training: bool = False) -> list[Any]:
        """Each task's mixture."""
        found = ops.stack([expert(x, training=training) for expert in self.experts], axis=1)
        return [_mixed(gate(x), found) for gate in self.gates]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "experts": self.expert_count}


@keras.saving.register_keras_serializable(package="shortlist")
class PLE(_Experts):
    """Levels of experts, some of one task and some of all, each level mixing those before it.

    On each level a task's gate mixes the task's own experts and the shared ones; the shared path,
    which all levels but the last have, mixes all. With one level it is a customized gate control
    (CGC).

    Args:
        tasks: how many there are.
        shared_experts: experts of all tasks, on each level.
        task_experts: experts of each task, on each level.
        units: the layers of each expert.
        levels: how many levels there are.
        dropout: between the layers, in training.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        x: ``[B, D]``.

    Returns:
        A list of ``tasks`` tensors ``[B, units[-1]]``.

    Reference: Tang et al. 2020, "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning
    (MTL) Model for Personalized Recommendations".

    >>> import numpy as np
    >>> outputs = PLE(tasks=2, units=[4], levels=2)(np.ones((3, 5), "float32"))
    >>> [output.shape == (3, 4) for output in outputs]
    [True, True]
    """

    def __init__(
        self,
        tasks: int,
        shared_experts: int = 2,
        task_experts: int = 2,
        units: Sequence[int] = (64,),
        levels: int = 2,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(tasks, units, dropout, **kwargs)
        self.shared_experts = _positive("PLE", "shared_experts", shared_experts)
        self.task_experts = _positive("PLE", "task_experts", task_experts)
        self.levels = _positive("PLE", "levels", levels)
        # A path for each task, then that of all, which the last level does not need.
        counts = [task_experts] * tasks + [shared_experts]
        self.experts = [
            [[self._expert() for _ in range(count)] for count in counts] for _ in range(levels)
        ]
        gates = [task_experts + shared_experts] * tasks + [task_experts * tasks + shared_experts]
        self.gates = [
            [self._gate(count) for count in (gates[:-1] if level == levels - 1 else gates)]
            for level in range(levels)
        ]

    def build(self, input_shape: Any) -> None:
        """Create the experts and gates of all levels."""
        shape = tuple(input_shape)
        for experts, gates in zip(self.experts, self.gates, strict=True):
            for layer in (*(expert for path in experts for expert in path), *gates):
                layer.build(shape)
            shape = (None, self.units[-1])
        self.built = True

    def call(self, x: Any, training: bool = False) -> list[Any]:
        """Each task's mixture on the last level."""
        paths = [x] * (self.tasks + 1)
        for experts, gates in zip(self.experts, self.gates, strict=True):
            found = [
                [expert(path, training=training) for expert in own]
                for own, path in zip(experts, paths, strict=True)
            ]
            *own, shared = found
            mixed = [[*task, *shared] for task in own]
            mixed.append([output for path in found for output in path])
            paths = [
                _mixed(gate(path), ops.stack(outputs, axis=1))
                for gate, path, outputs in zip(gates, paths, mixed, strict=False)
            ]
        return paths

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "shared_experts": self.shared_experts,
            "task_experts": self.task_experts,
            "levels": self.levels,
        }


def _mixed(scores: Any, outputs: Any) -> Any:
    """The mean of ``outputs`` ``[B, K, U]``, weighed by the softmax of ``scores`` ``[B, K]``."""
    weights = masked_softmax(scores)[:, None, :]
    return ops.squeeze(ops.matmul(weights, outputs), axis=1)


def _positive(layer: str, name: str, value: Any) -> int:
    if not hasattr(value, "__index__") or value < 1:
        raise ConfigError(
            f"{layer} expected {name} to be an integer of at least 1; received {value!r}."
        )
    return int(value)

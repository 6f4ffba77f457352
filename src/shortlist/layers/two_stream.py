"""`TwoStreamMLP`: two networks that see the features through gates of their own (FinalMLP)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers.mlp import MLP

__all__ = ["FeatureGate", "TwoStreamMLP"]


@keras.saving.register_keras_serializable(package="shortlist")
class FeatureGate(keras.layers.Layer):
    r"""Scales every number of an input by a gate that a context decides on.

    .. math:: y = 2\, \sigma(\mathrm{MLP}(c)) \odot x

    Args:
        hidden_units: the gate's hidden layers.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        x: ``[B, D]``.
        context: ``c``, ``[B, C]``; None takes ``x`` itself.

    Returns:
        ``[B, D]``.

    >>> import numpy as np
    >>> FeatureGate([4])(np.ones((2, 3), "float32")).shape == (2, 3)
    True
    """

    def __init__(self, hidden_units: Sequence[int] = (32,), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_units = tuple(hidden_units)

    def build(self, x_shape: Any, context_shape: Any = None) -> None:
        """Create the gate for an input of width ``x_shape[-1]``."""
        self.network = MLP(
            (*self.hidden_units, x_shape[-1]), final_activation="sigmoid", dtype=self.dtype_policy
        )
        self.network.build(context_shape or x_shape)
        self.built = True

    def call(self, x: Any, context: Any = None) -> Any:
        """Scale ``x``."""
        return 2.0 * self.network(x if context is None else context) * x

    def compute_output_shape(self, x_shape: Any, context_shape: Any = None) -> Any:
        """The shape of ``x``."""
        del context_shape
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "hidden_units": list(self.hidden_units)}


@keras.saving.register_keras_serializable(package="shortlist")
class TwoStreamMLP(keras.layers.Layer):
    r"""Two gated networks whose outputs meet in a bilinear form, head by head.

    .. math:: u = \mathrm{MLP}_1(g_1(x)), \quad v = \mathrm{MLP}_2(g_2(x)), \qquad
              y = b + w_1 \cdot u + w_2 \cdot v + \sum_{k} u_k^\top W_k\, v_k

    where ``u_k`` and ``v_k`` are the parts of ``u`` and ``v`` that belong to head ``k``.

    Args:
        first_units, second_units: the layers of the two networks; the last of each must be a
            multiple of ``heads``.
        gate_units: the hidden layers of both gates; None for no gates.
        heads: how many bilinear forms there are.
        dropout: between the layers of the networks, in training.
        **kwargs: ``name``, ``dtype`` and ``trainable`` as in any layer.

    Call arguments:
        x: ``[B, D]``, what both streams see.
        first_context, second_context: ``[B, C]``, what decides on each gate; None takes ``x``.

    Returns:
        ``[B, 1]``.

    Raises:
        ConfigError: the last layers cannot be divided among the heads.

    Reference: Mao et al. 2023, "FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction".

    >>> import numpy as np
    >>> TwoStreamMLP([8], [4], heads=2)(np.ones((3, 5), "float32")).shape == (3, 1)
    True
    """

    def __init__(
        self,
        first_units: Sequence[int],
        second_units: Sequence[int],
        gate_units: Sequence[int] | None = (32,),
        heads: int = 1,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = (tuple(first_units), tuple(second_units))
        self.heads = heads
        self.dropout = dropout
        if heads < 1 or any(units[-1] % heads for units in self.units):
            raise ConfigError(
                "TwoStreamMLP expected the last layers of both streams to be multiples of heads; "
                f"received {self.units[0][-1]}, {self.units[1][-1]} and heads={heads!r}."
            )
        policy = self.dtype_policy
        self.gate_units = None if gate_units is None else tuple(gate_units)
        self.gates = [
            FeatureGate(self.gate_units, dtype=policy) for _ in self.units if self.gate_units
        ]
        self.streams = [
            MLP(units, final_activation="relu", dropout=dropout, dtype=policy)
            for units in self.units
        ]
        self.linear = [keras.layers.Dense(1, use_bias=n == 0, dtype=policy) for n in range(2)]

    def build(
        self, x_shape: Any, first_context_shape: Any = None, second_context_shape: Any = None
    ) -> None:
        """Create the weights for an input of width ``x_shape[-1]``."""
        contexts = (first_context_shape, second_context_shape)
        for gate, context in zip(self.gates, contexts, strict=False):
            gate.build(x_shape, context)
        for stream, linear in zip(self.streams, self.linear, strict=True):
            stream.build(x_shape)
            linear.build((None, stream.units[-1]))
        first, second = (units[-1] // self.heads for units in self.units)
        self.bilinear = self.add_weight(
            shape=(self.heads, first, second), initializer="glorot_uniform", name="bilinear"
        )
        self.built = True

    def call(
        self,
        x: Any,
        first_context: Any = None,
        second_context: Any = None,
        training: bool = False,
    ) -> Any:
        """Both streams, and where they meet."""
        contexts = (first_context, second_context)
        sights = (
            [gate(x, context) for gate, context in zip(self.gates, contexts, strict=True)]
            if self.gates
            else [x, x]
        )
        u, v = (
            stream(seen, training=training)
            for stream, seen in zip(self.streams, sights, strict=True)
        )
        first, second = (
            ops.swapaxes(ops.reshape(part, (-1, self.heads, part.shape[-1] // self.heads)), 0, 1)
            for part in (u, v)
        )
        crossed = ops.sum(ops.matmul(first, self.bilinear) * second, axis=(0, 2))
        return self.linear[0](u) + self.linear[1](v) + crossed[:, None]

    def compute_output_shape(
        self, x_shape: Any, first_context_shape: Any = None, second_context_shape: Any = None
    ) -> Any:
        """The shape of what ``call`` returns."""
        del first_context_shape, second_context_shape
        return (x_shape[0], 1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "first_units": list(self.units[0]),
            "second_units": list(self.units[1]),
            "gate_units": None if self.gate_units is None else list(self.gate_units),
            "heads": self.heads,
            "dropout": self.dropout,
        }

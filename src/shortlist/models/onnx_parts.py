"""What the drawn graphs are made of: a pen, and the parts that towers and rankers share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from shortlist.errors import ConfigError
from shortlist.features import FeatureInfo
from shortlist.inference import Graph
from shortlist.inference.graph import NUMBERS
from shortlist.layers.embedding import Embedding
from shortlist.layers.mlp import MLP

__all__ = ["Pen", "dense", "inputs", "known", "looked_up", "mlp", "normalized", "weighted_sum"]


@dataclass(frozen=True)
class Pen:
    """Draws on a graph; every method returns the name of a value.

    Attributes:
        graph: what is drawn on.
        key: the name of a Keras variable in the file of weights.
    """

    graph: Graph
    key: Callable[[Any], str]

    def op(self, kind: str, *values: str, **attributes: Any) -> str:
        """The output of a new node."""
        return self.graph.op(kind, *values, **attributes)

    def weight(self, variable: Any) -> str:
        """The stored values of a Keras variable."""
        return self.graph.weight(self.key(variable))

    def number(self, value: Any) -> str:
        """A float32 constant."""
        return self.graph.constant(value)

    def places(self, *values: int) -> str:
        """A constant list of axes, sizes or columns."""
        return self.graph.constant(values, np.int64)

    def added(self, values: Sequence[str]) -> str:
        """The sum of values of one shape."""
        total, *rest = values
        for value in rest:
            total = self.op("Add", total, value)
        return total

    def joined(self, values: Sequence[str], axis: int = 1) -> str:
        """Values side by side; a single one as it is."""
        return values[0] if len(values) == 1 else self.op("Concat", *values, axis=axis)

    def summed(self, value: str, *axes: int, keep: bool = False) -> str:
        """The sum over axes, which stay with size 1 if they are kept."""
        return self.op("ReduceSum", value, self.places(*axes), keepdims=int(keep))

    def opened(self, value: str, axis: int) -> str:
        """The value with a new axis of size 1."""
        return self.op("Unsqueeze", value, self.places(axis))

    def closed(self, value: str, axis: int) -> str:
        """The value without an axis of size 1."""
        return self.op("Squeeze", value, self.places(axis))

    def shaped(self, value: str, *shape: int) -> str:
        """The value in another shape, in which 0 stands for the size that is there."""
        return self.op("Reshape", value, self.places(*shape))


_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def activated(pen: Pen, function: Any, x: str, owner: str) -> str:
    """An activation of Keras.

    Raises:
        ConfigError: it is none of those that are drawn.
    """
    name = keras.activations.serialize(function)
    if name == "linear":
        return x
    if name not in _ACTIVATIONS:
        raise ConfigError(
            f"The layer {owner!r} has the activation {name!r}, which is not exported."
        )
    return pen.op(_ACTIVATIONS[name], x)


def dense(pen: Pen, layer: Any, x: str, *, axes: int = 2) -> str:
    """A `Dense` layer with its activation, of a value with so many axes."""
    kernel = pen.weight(layer.kernel)
    if axes == 2 and layer.use_bias:
        product = pen.op("Gemm", x, kernel, pen.weight(layer.bias))
    else:
        product = pen.op("MatMul", x, kernel)
        product = pen.op("Add", product, pen.weight(layer.bias)) if layer.use_bias else product
    return activated(pen, layer.activation, product, layer.name)


def mlp(pen: Pen, layer: Any, x: str, *, axes: int = 2) -> str:
    """An `MLP`, or `Identity` where there are no hidden layers.

    Raises:
        ConfigError: it has options that are not drawn.
    """
    if not isinstance(layer, MLP):
        return x
    if layer.norms:
        raise ConfigError(f"The layer {layer.name!r} has a normalisation, which is not exported.")
    *hidden, last = layer.dense_layers
    for one in hidden:
        x = activated(pen, layer.activation, dense(pen, one, x, axes=axes), layer.name)
    return activated(pen, layer.final_activation, dense(pen, last, x, axes=axes), layer.name)


def normalized(pen: Pen, layer: Any, x: str) -> str:
    """A `LayerNormalization` over the last axis."""
    scale, shift = pen.weight(layer.gamma), pen.weight(layer.beta)
    return pen.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=float(layer.epsilon))


def inputs(graph: Graph, features: Mapping[str, FeatureInfo]) -> None:
    """An input for each feature of codes, and one for all numbers side by side."""
    graph.metadata["features"] = json.dumps({name: info.kind for name, info in features.items()})
    width = 0
    for name, info in features.items():
        if info.kind in ("numeric", "vector"):
            width += info.dim or 1
        elif name == NUMBERS:
            raise ConfigError(f"A feature that is exported may not be called {NUMBERS!r}.")
        else:
            shape = ["rows", f"{name}_length"] if info.kind == "multi" else ["rows"]
            graph.input(name, np.int32, shape)
    if width:
        graph.input(NUMBERS, np.float32, ["rows", width])


def looked_up(pen: Pen, table: Embedding, codes: str) -> str:
    """Rows ``[rows, D]`` of a table; several codes give their sum over the root of their number."""
    rows = pen.op("Gather", pen.weight(table.table), codes, axis=0)
    if table.combiner is None:
        return rows
    weights = known(pen, codes)
    # The sum of no rows is 0, whatever it is divided by.
    root = pen.op("Sqrt", pen.op("Max", pen.summed(weights, 1, keep=True), pen.number(1.0)))
    return pen.op("Div", weighted_sum(pen, weights, rows), root)


def known(pen: Pen, codes: str) -> str:
    """1.0 where there is a code and 0.0 where there is padding."""
    there = pen.op("Greater", codes, pen.graph.constant(0, np.int32))
    return pen.op("Cast", there, to=1)  # to float32


def weighted_sum(pen: Pen, weights: str, rows: str) -> str:
    """``[rows, L]`` and ``[rows, L, D]`` to ``[rows, D]``."""
    return pen.closed(pen.op("MatMul", pen.opened(weights, 1), rows), 1)

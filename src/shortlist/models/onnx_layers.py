"""The layers of the rankers as parts of an ONNX graph, each as its ``call`` has it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from shortlist.errors import ConfigError
from shortlist.layers.cross_mixture import CrossMixture
from shortlist.layers.experts import MMoE, SharedBottom
from shortlist.models.onnx_parts import Pen, activated, dense, mlp, normalized, weighted_sum

__all__ = [
    "attended",
    "crossed",
    "factorized",
    "interacting",
    "masked",
    "number_vectors",
    "products",
    "task_vectors",
    "two_streams",
]


def crossed(pen: Pen, layer: Any, x0: str, x: str) -> str:
    """A `Cross` or a `CrossMixture`: ``[rows, D]`` and ``[rows, D]`` to ``[rows, D]``."""
    if isinstance(layer, CrossMixture):
        return _mixture(pen, layer, x0, x)
    product = x
    for kernel in layer.kernels:
        product = pen.op("MatMul", product, pen.weight(kernel))
    if layer.use_bias:
        product = pen.op("Add", product, pen.weight(layer.bias))
    product = activated(pen, layer.preactivation, product, layer.name)
    if layer.diag_scale:
        product = pen.op("Add", product, pen.op("Mul", x, pen.number(layer.diag_scale)))
    return pen.op("Add", pen.op("Mul", x0, product), x)


def _mixture(pen: Pen, layer: CrossMixture, x0: str, x: str) -> str:
    down, core, up = (pen.weight(kernels) for kernels in layer.kernels)
    inner = pen.op("MatMul", pen.opened(x, 0), down)  # [K, rows, R]
    inner = activated(pen, layer.activation, inner, layer.name)
    inner = activated(pen, layer.activation, pen.op("MatMul", inner, core), layer.name)
    experts = pen.op("Add", pen.op("MatMul", inner, up), pen.weight(layer.bias))
    gates = pen.op("Softmax", pen.op("MatMul", x, pen.weight(layer.gate)), axis=-1)
    gates = pen.opened(pen.op("Transpose", gates, perm=[1, 0]), 2)  # [K, rows, 1]
    mixed = pen.summed(pen.op("Mul", gates, experts), 0)
    return pen.op("Add", pen.op("Mul", x0, mixed), x)


def factorized(pen: Pen, fields: str) -> str:
    """`FM`: ``[rows, F, D]`` to ``[rows, 1]``."""
    total = pen.summed(fields, 1)
    squares = pen.summed(pen.op("Mul", fields, fields), 1)
    twice = pen.op("Sub", pen.op("Mul", total, total), squares)
    return pen.op("Mul", pen.summed(twice, 1, keep=True), pen.number(0.5))


def products(pen: Pen, vectors: str, count: int) -> str:
    """`DotInteraction` of ``count`` vectors: ``[rows, F, D]`` to ``[rows, F (F - 1) / 2]``."""
    square = pen.op("MatMul", vectors, pen.op("Transpose", vectors, perm=[0, 2, 1]))
    pairs = np.flatnonzero(np.tri(count, k=-1))
    return pen.op(
        "Gather", pen.shaped(square, 0, count * count), pen.places(*pairs.tolist()), axis=1
    )


def number_vectors(pen: Pen, layer: Any, numbers: str) -> str:
    """`NumberVectors`: ``[rows, M]`` to ``[rows, F, D]``."""
    kernel = pen.weight(layer.kernel)
    if set(layer.dims) == {1}:
        return pen.op("Mul", pen.opened(numbers, 2), kernel)
    edges = itertools.pairwise(itertools.accumulate(layer.dims, initial=0))
    vectors = []
    for start, stop in edges:
        span = pen.places(start), pen.places(stop)
        values = pen.op("Slice", numbers, *span, pen.places(1))
        rows = pen.op("Slice", kernel, *span, pen.places(0))
        vectors.append(pen.opened(pen.op("MatMul", values, rows), 1))
    return pen.joined(vectors)


def interacting(pen: Pen, layer: Any, fields: str, count: int) -> str:
    """`InteractingAttention` over ``count`` fields: ``[rows, F, D]`` to ``[rows, F, H * U]``."""
    projected = {
        name: pen.op("MatMul", fields, pen.weight(kernel)) for name, kernel in layer.kernels.items()
    }

    def split(name: str, *order: int) -> str:
        parts = pen.shaped(projected[name], 0, count, layer.heads, layer.units)
        return pen.op("Transpose", parts, perm=list(order))

    scores = pen.op("MatMul", split("query", 0, 2, 1, 3), split("key", 0, 2, 3, 1))
    if layer.scaled:
        scores = pen.op("Div", scores, pen.number(layer.units**0.5))
    seen = pen.op("MatMul", pen.op("Softmax", scores, axis=-1), split("value", 0, 2, 1, 3))
    seen = pen.op("Transpose", seen, perm=[0, 2, 1, 3])
    seen = pen.shaped(seen, 0, count, layer.heads * layer.units)
    return pen.op("Relu", pen.op("Add", seen, projected["residual"]) if layer.residual else seen)


def masked(pen: Pen, layer: Any, guide: str, hidden: str) -> str:
    """`MaskBlock`: ``[rows, E]`` and ``[rows, H]`` to ``[rows, units]``."""
    mask = dense(pen, layer.projection, dense(pen, layer.aggregation, guide))
    output = dense(pen, layer.output_dense, pen.op("Mul", mask, hidden))
    return pen.op("Relu", normalized(pen, layer.normalization, output))


def two_streams(pen: Pen, layer: Any, x: str, *contexts: str) -> str:
    """`TwoStreamMLP`: ``[rows, D]`` and what decides on either gate to ``[rows, 1]``."""
    sights = [x, x]
    if layer.gates:
        sights = [
            pen.op("Mul", pen.op("Mul", mlp(pen, gate.network, context), x), pen.number(2.0))
            for gate, context in zip(layer.gates, contexts, strict=True)
        ]
    streams = [mlp(pen, one, seen) for one, seen in zip(layer.streams, sights, strict=True)]
    parts = []
    for units, stream in zip(layer.units, streams, strict=True):
        heads = pen.shaped(stream, 0, layer.heads, units[-1] // layer.heads)
        parts.append(pen.op("Transpose", heads, perm=[1, 0, 2]))
    formed = pen.op("MatMul", parts[0], pen.weight(layer.bilinear))
    met = pen.opened(pen.summed(pen.op("Mul", formed, parts[1]), 0, 2), 1)
    linear = [dense(pen, one, seen) for one, seen in zip(layer.linear, streams, strict=True)]
    return pen.added([*linear, met])


def attended(pen: Pen, layer: Any, target: str, history: str, there: str) -> str:
    """`TargetAttention`: ``[rows, D]``, ``[rows, L, D]``, ``[rows, L]`` to ``[rows, D]``."""
    if layer.normalize:
        raise ConfigError(f"The layer {layer.name!r} is normalised, which is not exported.")
    wide = pen.op("Expand", pen.opened(target, 1), pen.op("Shape", history))
    apart, together = pen.op("Sub", history, wide), pen.op("Mul", history, wide)
    seen = pen.joined([history, wide, apart, together], axis=2)
    scores = pen.closed(mlp(pen, layer.network, seen, axes=3), 2)
    return weighted_sum(pen, pen.op("Mul", scores, there), history)


def task_vectors(pen: Pen, layer: Any, x: str) -> list[str]:
    """`SharedBottom`, `MMoE` or `PLE`: ``[rows, D]`` to a vector a task."""
    if isinstance(layer, SharedBottom):
        return [mlp(pen, layer.network, x)] * layer.tasks
    if isinstance(layer, MMoE):
        found = [mlp(pen, expert, x) for expert in layer.experts]
        return [_mixed(pen, gate, x, found) for gate in layer.gates]
    paths = [x] * (layer.tasks + 1)
    for experts, gates in zip(layer.experts, layer.gates, strict=True):
        outputs = [
            [mlp(pen, expert, path) for expert in own]
            for own, path in zip(experts, paths, strict=True)
        ]
        *own, shared = outputs
        mixed = [*([*task, *shared] for task in own), [*itertools.chain(*outputs)]]
        paths = [
            _mixed(pen, gate, path, seen)
            for gate, path, seen in zip(gates, paths, mixed, strict=False)
        ]
    return paths


def _mixed(pen: Pen, gate: Any, x: str, outputs: list[str]) -> str:
    weights = pen.op("Softmax", dense(pen, gate, x), axis=-1)
    return weighted_sum(pen, weights, pen.joined([pen.opened(one, 1) for one in outputs]))

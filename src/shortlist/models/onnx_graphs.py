"""`TwoTower` and `Ranker` as ONNX graphs, drawn from what the models are made of.

They are drawn by hand rather than traced: the parts are few and known, a drawn graph needs neither
a certain backend nor a process of its own, holds nothing but the operators named here, and leaves
the weights where they are. That each answers as its model does is checked whenever one is saved.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from shortlist.errors import ConfigError
from shortlist.features import FeatureInfo
from shortlist.inference import Graph
from shortlist.inference.graph import NUMBERS
from shortlist.inference.models import CANDIDATE, QUERY, RANKER
from shortlist.layers.cross import Cross
from shortlist.layers.embedding import Embedding
from shortlist.layers.history import HistoryPooling
from shortlist.layers.tower import Tower
from shortlist.models.ranker import Ranker
from shortlist.models.rankers.dcn_v2 import DCNv2
from shortlist.models.two_tower import TwoTower

__all__ = ["draw"]

Key = Callable[[Any], str]


def draw(model: Any, weights: Path, keys: Mapping[int, str]) -> list[str]:
    """Write the graphs of ``model`` beside its stored weights.

    Args:
        model: a `TwoTower`, a `Ranker` or a stacked `DCNv2`, built.
        weights: the safetensors file its weights were written to.
        keys: the name of each weight in that file, by the ``id`` of the variable.

    Returns:
        The names of the files: ``query.onnx`` and ``candidate.onnx``, or ``ranker.onnx``.

    Raises:
        ConfigError: the model is of another class (a subclass may compute anything), or a part of
            it has no graph.
        MissingDependencyError: the library onnx is not installed.
    """

    def key(variable: Any) -> str:
        return keys[id(variable)]

    if type(model) is TwoTower:
        _draw_query(model, weights, key)
        _draw_candidate(model, weights, key)
        return [QUERY, CANDIDATE]
    if type(model) is Ranker or (type(model) is DCNv2 and model.structure == "stacked"):
        _draw_ranker(model, weights, key)
        return [RANKER]
    raise ConfigError(
        f"Expected a TwoTower, a Ranker or a stacked DCNv2 to export; received "
        f"{type(model).__name__}, whose computations are its own."
    )


def _draw_query(model: TwoTower, weights: Path, key: Key) -> None:
    graph = Graph("query_tower", weights)
    tower = model.query_tower
    vectors = _tower(graph, tower, key)
    rows = graph.op("Slice", graph.op("Shape", vectors), *_span(graph, 0, 1))
    shape = graph.op("Concat", rows, graph.constant([1], np.int64), axis=0)
    ones = graph.op("Expand", graph.constant([[1.0]]), shape)
    graph.metadata["embedding_dim"] = str(model.embedding_dim)
    if tower.history is not None:
        graph.metadata["history_table"] = key(tower.tables[tower.history].table)
    _save(graph, weights.parent / QUERY, graph.op("Concat", vectors, ones, axis=1), model)


def _draw_candidate(model: TwoTower, weights: Path, key: Key) -> None:
    graph = Graph("candidate_tower", weights)
    vectors = _tower(graph, model.candidate_tower, key)
    bias = graph.op("Gather", graph.weight(key(model.bias.table)), model.candidate_id, axis=0)
    _save(graph, weights.parent / CANDIDATE, graph.op("Concat", vectors, bias, axis=1), model)


def _save(graph: Graph, path: Path, output: str, model: TwoTower) -> None:
    graph.save(path, output, shape=["rows", model.embedding_dim + 1])


def _draw_ranker(model: Ranker, weights: Path, key: Key) -> None:
    graph = Graph("ranker", weights)
    _inputs(graph, model.features)
    parts = [_looked_up(graph, table, name, key) for name, table in model.tables.items()]
    parts += [NUMBERS] if model.numbers else []
    x = x0 = graph.op("Concat", *parts, axis=1)
    for cross in model.crosses if isinstance(model, DCNv2) else ():
        x = _crossed(graph, cross, x0, x, key)
    for layer in model.hidden.dense_layers if model.hidden_units else ():
        x = graph.op("Relu", _dense(graph, layer, x, key))
    scores = _dense(graph, model.output_layer, x, key)
    if model.initial:
        scores = graph.op("Add", scores, graph.constant(model.initial))
    graph.save(
        weights.parent / RANKER,
        graph.op("Squeeze", scores, graph.constant([1], np.int64)),
        shape=["rows"],
    )


def _tower(graph: Graph, tower: Tower, key: Key) -> str:
    _inputs(graph, tower.features)
    parts = [
        _pooled(graph, tower.pooling, table, name, key)
        if name == tower.history
        else _looked_up(graph, table, name, key)
        for name, table in tower.tables.items()
    ]
    if tower.numbers:
        parts.append(graph.op("MatMul", NUMBERS, graph.weight(key(tower.linear.kernel))))
    total = parts[0]
    for part in parts[1:]:
        total = graph.op("Add", total, part)
    if not tower.hidden:
        return total
    deep = total
    for layer in tower.hidden:
        deep = graph.op("Relu", _dense(graph, layer, deep, key))
    return graph.op("Add", total, _dense(graph, tower.output_layer, deep, key))


def _inputs(graph: Graph, features: Mapping[str, FeatureInfo]) -> None:
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


def _looked_up(graph: Graph, table: Embedding, codes: str, key: Key) -> str:
    """Rows ``[rows, D]`` of a table; several codes give their sum over the root of their number."""
    rows = graph.op("Gather", graph.weight(key(table.table)), codes, axis=0)
    if table.combiner is None:
        return rows
    weights = _known(graph, codes)
    total = graph.op("ReduceSum", weights, graph.constant([1], np.int64), keepdims=1)
    # The sum of no rows is 0, whatever it is divided by.
    root = graph.op("Sqrt", graph.op("Max", total, graph.constant(1.0)))
    return graph.op("Div", _weighted_sum(graph, weights, rows), root)


def _pooled(graph: Graph, pooling: HistoryPooling, table: Embedding, codes: str, key: Key) -> str:
    rows = graph.op("Gather", graph.weight(key(table.table)), codes, axis=0)
    weights = _known(graph, codes)
    if pooling.recency:
        after = graph.op("CumSum", weights, graph.constant(1, np.int64), exclusive=1, reverse=1)
        by_distance = _weights_by_distance(pooling)
        last = graph.constant(len(by_distance) - 1)
        place = graph.op("Cast", graph.op("Min", after, last), to=7)  # to int64
        weights = graph.op(
            "Mul", weights, graph.op("Gather", graph.constant(by_distance), place, axis=0)
        )
    total = graph.op("ReduceSum", weights, graph.constant([1], np.int64), keepdims=1)
    scale = graph.op(
        "Pow", graph.op("Max", total, graph.constant(1e-6)), graph.constant(pooling.alpha)
    )
    return graph.op("Div", _weighted_sum(graph, weights, rows), scale)


def _weights_by_distance(pooling: HistoryPooling) -> np.ndarray:
    """The weight of an item by how many items of the history come after it."""
    learned = np.exp(ops.convert_to_numpy(pooling.log_weights))
    distances = np.arange(2 ** (len(learned) - 1))
    buckets = np.frexp(distances + 1.0)[1] - 1  # the whole part of log2(distance + 1)
    return learned[np.minimum(buckets, len(learned) - 1)]


def _known(graph: Graph, codes: str) -> str:
    """1.0 where there is a code and 0.0 where there is padding."""
    there = graph.op("Greater", codes, graph.constant(0, np.int32))
    return graph.op("Cast", there, to=1)  # to float32


def _weighted_sum(graph: Graph, weights: str, rows: str) -> str:
    """``[rows, L]`` and ``[rows, L, D]`` to ``[rows, D]``."""
    axis = graph.constant([1], np.int64)
    product = graph.op("MatMul", graph.op("Unsqueeze", weights, axis), rows)
    return graph.op("Squeeze", product, axis)


def _dense(graph: Graph, layer: Any, x: str, key: Key) -> str:
    kernel, bias = graph.weight(key(layer.kernel)), graph.weight(key(layer.bias))
    return graph.op("Gemm", x, kernel, bias)


def _crossed(graph: Graph, cross: Any, x0: str, x: str, key: Key) -> str:
    exported = isinstance(cross, Cross) and not (cross.diag_scale or cross.projection_dim)
    if not exported or not cross.use_bias:
        raise ConfigError(f"The layer {cross.name!r} has options that are not exported.")
    (kernel,) = cross.kernels
    product = graph.op("Gemm", x, graph.weight(key(kernel)), graph.weight(key(cross.bias)))
    return graph.op("Add", graph.op("Mul", x0, product), x)


def _span(graph: Graph, start: int, stop: int) -> tuple[str, str]:
    return graph.constant([start], np.int64), graph.constant([stop], np.int64)

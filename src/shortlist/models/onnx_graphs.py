"""`TwoTower` and the rankers as ONNX graphs, drawn from what the models are made of.

They are drawn by hand rather than traced: the parts are few and known, a drawn graph needs neither
a certain backend nor a process of its own, holds nothing but the operators named here, and leaves
the weights where they are. That each answers as its model does is checked whenever one is saved.

    onnx_graphs     towers, and which class is drawn how
    onnx_rankers    the rankers, by class
    onnx_layers     the layers they are made of
    onnx_parts      the pen, and what all share
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from shortlist.errors import ConfigError
from shortlist.inference import Graph
from shortlist.inference.graph import NUMBERS
from shortlist.inference.models import CANDIDATE, QUERY, RANKER
from shortlist.layers.embedding import Embedding
from shortlist.layers.history import HistoryPooling
from shortlist.layers.tower import Tower
from shortlist.models.onnx_parts import Pen, dense, inputs, known, looked_up, weighted_sum
from shortlist.models.onnx_rankers import RANKERS, draw_ranker
from shortlist.models.two_tower import TwoTower

__all__ = ["draw"]


def draw(model: Any, weights: Path, keys: Mapping[int, str]) -> list[str]:
    """Write the graphs of ``model`` beside its stored weights.

    Args:
        model: a `TwoTower` or a ranker of `shortlist.models`, built.
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
        _draw_query(model, weights, Pen(Graph("query_tower", weights), key))
        _draw_candidate(model, weights, Pen(Graph("candidate_tower", weights), key))
        return [QUERY, CANDIDATE]
    if type(model) in RANKERS:
        draw_ranker(model, weights, Pen(Graph("ranker", weights), key))
        return [RANKER]
    raise ConfigError(
        f"Expected a TwoTower or a ranker of shortlist.models to export; received "
        f"{type(model).__name__}, whose computations are its own."
    )


def _draw_query(model: TwoTower, weights: Path, pen: Pen) -> None:
    tower = model.query_tower
    vectors = _tower(pen, tower)
    rows = pen.op("Slice", pen.op("Shape", vectors), pen.places(0), pen.places(1))
    ones = pen.op("Expand", pen.number([[1.0]]), pen.joined([rows, pen.places(1)], axis=0))
    pen.graph.metadata["embedding_dim"] = str(model.embedding_dim)
    if tower.history is not None:
        pen.graph.metadata["history_table"] = pen.key(tower.tables[tower.history].table)
    _save(pen, weights.parent / QUERY, [vectors, ones], model)


def _draw_candidate(model: TwoTower, weights: Path, pen: Pen) -> None:
    vectors = _tower(pen, model.candidate_tower)
    bias = pen.op("Gather", pen.weight(model.bias.table), model.candidate_id, axis=0)
    _save(pen, weights.parent / CANDIDATE, [vectors, bias], model)


def _save(pen: Pen, path: Path, parts: list[str], model: TwoTower) -> None:
    pen.graph.save(path, pen.joined(parts), shape=["rows", model.embedding_dim + 1])


def _tower(pen: Pen, tower: Tower) -> str:
    inputs(pen.graph, tower.features)
    parts = [
        _pooled(pen, tower.pooling, table, name)
        if name == tower.history
        else looked_up(pen, table, name)
        for name, table in tower.tables.items()
    ]
    if tower.numbers:
        parts.append(pen.op("MatMul", NUMBERS, pen.weight(tower.linear.kernel)))
    total = pen.added(parts)
    if not tower.hidden:
        return total
    deep = total
    for layer in tower.hidden:
        deep = dense(pen, layer, deep)
    return pen.op("Add", total, dense(pen, tower.output_layer, deep))


def _pooled(pen: Pen, pooling: HistoryPooling, table: Embedding, codes: str) -> str:
    rows = pen.op("Gather", pen.weight(table.table), codes, axis=0)
    weights = known(pen, codes)
    if pooling.recency:
        one = pen.graph.constant(1, np.int64)
        after = pen.op("CumSum", weights, one, exclusive=1, reverse=1)
        by_distance = _weights_by_distance(pooling)
        last = pen.number(len(by_distance) - 1)
        place = pen.op("Cast", pen.op("Min", after, last), to=7)  # to int64
        weights = pen.op("Mul", weights, pen.op("Gather", pen.number(by_distance), place, axis=0))
    total = pen.op("Max", pen.summed(weights, 1, keep=True), pen.number(1e-6))
    scale = pen.op("Pow", total, pen.number(pooling.alpha))
    return pen.op("Div", weighted_sum(pen, weights, rows), scale)


def _weights_by_distance(pooling: HistoryPooling) -> np.ndarray:
    """The weight of an item by how many items of the history come after it."""
    learned = np.exp(ops.convert_to_numpy(pooling.log_weights))
    distances = np.arange(2 ** (len(learned) - 1))
    buckets = np.frexp(distances + 1.0)[1] - 1  # the whole part of log2(distance + 1)
    return learned[np.minimum(buckets, len(learned) - 1)]

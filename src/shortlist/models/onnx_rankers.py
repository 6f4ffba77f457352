"""The rankers as ONNX graphs: what each class does of what was read, as its ``logits`` has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from shortlist.inference.graph import NUMBERS
from shortlist.inference.models import RANKER
from shortlist.models import onnx_layers as layers
from shortlist.models.onnx_parts import (
    Pen,
    dense,
    inputs,
    known,
    looked_up,
    mlp,
    normalized,
)
from shortlist.models.ranker import Ranker
from shortlist.models.rankers.autoint import AutoInt
from shortlist.models.rankers.dcn_v2 import DCNv2
from shortlist.models.rankers.din import DIN
from shortlist.models.rankers.dlrm import DLRM
from shortlist.models.rankers.final_mlp import FinalMLP
from shortlist.models.rankers.fm import DeepFM, FMRanker
from shortlist.models.rankers.logistic_regression import LogisticRegression
from shortlist.models.rankers.mask_net import MaskNet
from shortlist.models.rankers.multi_task import CHANCES, MultiTaskRanker

__all__ = ["RANKERS", "draw_ranker"]


@dataclass(frozen=True)
class Read:
    """What a ranker reads, as `Inputs` is to Keras.

    Attributes:
        vectors: ``[rows, D]``, one for each feature that has codes.
        numbers: ``[rows, M]``, or None.
        width: ``D``.
    """

    pen: Pen
    vectors: list[str]
    numbers: str | None
    width: int

    @property
    def flat(self) -> str:
        """``[rows, F * D + M]``."""
        return self.pen.joined([*self.vectors, *([self.numbers] if self.numbers else [])])

    @property
    def stacked(self) -> str:
        """``[rows, F, D]``."""
        return self.pen.shaped(self.pen.joined(self.vectors), 0, len(self.vectors), self.width)

    def fields(self, layer: Any) -> tuple[str, int]:
        """``[rows, F', D]``, a vector for each number too, and ``F'``."""
        parts = [self.stacked] if self.vectors else []
        count = len(self.vectors)
        if self.numbers:
            parts.append(layers.number_vectors(self.pen, layer, self.numbers))
            count += len(layer.dims)
        return self.pen.joined(parts), count


def draw_ranker(model: Any, weights: Path, pen: Pen) -> None:
    """Write the graph of a ranker, of one of the classes in `RANKERS`, beside its weights."""
    inputs(pen.graph, model.features)
    vectors = [looked_up(pen, table, name) for name, table in model.tables.items()]
    if isinstance(model, DIN):
        vectors.append(_history(pen, model, vectors))
    read = Read(pen, vectors, NUMBERS if model.numbers else None, model.embedding_dim)
    pen.graph.metadata["class"] = type(model).__name__
    pen.graph.metadata["tasks"] = json.dumps([*getattr(model, "tasks", ())])
    scores = RANKERS[type(model)](model, read)
    if isinstance(model, MultiTaskRanker):
        pen.graph.save(weights.parent / RANKER, scores, shape=["rows", len(model.tasks)])
        return
    if model.initial:
        scores = pen.op("Add", scores, pen.number(model.initial))
    pen.graph.save(weights.parent / RANKER, pen.closed(scores, 1), shape=["rows"])


def _head(model: Any, read: Read, x: str) -> str:
    return dense(read.pen, model.output_layer, x)


def _deep(model: Any, read: Read, x: str) -> str:
    """The score of the hidden layers over ``x``."""
    return _head(model, read, mlp(read.pen, model.hidden, x))


def _mlp(model: Any, read: Read) -> str:
    return _deep(model, read, read.flat)


def _linear(model: Any, read: Read) -> str:
    pen, linear = read.pen, model.linear
    parts = [looked_up(pen, table, name) for name, table in linear.tables.items()]
    if read.numbers:
        parts.append(pen.op("MatMul", read.numbers, pen.weight(linear.kernel)))
    return pen.added([*parts, pen.weight(linear.bias)])


def _fm(model: Any, read: Read) -> str:
    fields, _ = read.fields(model.number_vectors)
    return read.pen.added([_linear(model, read), layers.factorized(read.pen, fields)])


def _deep_fm(model: Any, read: Read) -> str:
    return read.pen.added([_fm(model, read), _mlp(model, read)])


def _dlrm(model: Any, read: Read) -> str:
    pen, count = read.pen, len(read.vectors)
    if not read.numbers:
        return _deep(model, read, layers.products(pen, read.stacked, count))
    bottom = mlp(pen, model.bottom, read.numbers)
    one = pen.opened(bottom, 1)
    every = pen.joined([read.stacked, one]) if count else one
    pairs = [layers.products(pen, every, count + 1)] if count else []
    return _deep(model, read, pen.joined([bottom, *pairs]))


def _dcn_v2(model: Any, read: Read) -> str:
    crossed = flat = read.flat
    for layer in model.crosses:
        crossed = layers.crossed(read.pen, layer, flat, crossed)
    if model.structure == "stacked":
        return _deep(model, read, crossed)
    deep = mlp(read.pen, model.hidden, flat)
    return _head(model, read, read.pen.joined([crossed, deep]))


def _autoint(model: Any, read: Read) -> str:
    pen = read.pen
    fields, count = read.fields(model.number_vectors)
    for layer in model.attention:
        fields = layers.interacting(pen, layer, fields, count)
    width = model.attention[-1].heads * model.attention[-1].units if model.attention else read.width
    parts = [pen.shaped(fields, 0, count * width)]
    if model.hidden_units:
        parts.append(mlp(pen, model.hidden, read.flat))
    return _head(model, read, pen.joined(parts))


def _mask_net(model: Any, read: Read) -> str:
    pen = read.pen
    guide = normal = read.flat
    if read.vectors:
        vectors = normalized(pen, model.normalization, read.stacked)
        flat = pen.shaped(vectors, 0, len(read.vectors) * read.width)
        normal = pen.joined([flat, *([read.numbers] if read.numbers else [])])
    if model.structure == "parallel":
        blocks = [layers.masked(pen, block, guide, normal) for block in model.masked]
        return _deep(model, read, pen.joined(blocks))
    for block in model.masked:
        normal = layers.masked(pen, block, guide, normal)
    return _deep(model, read, normal)


def _final_mlp(model: Any, read: Read) -> str:
    flat, names = read.flat, [*model.tables]
    contexts = [
        flat if name is None else read.vectors[names.index(name)] for name in model.contexts
    ]
    return layers.two_streams(read.pen, model.streams, flat, *contexts)


def _multi_task(model: Any, read: Read) -> str:
    """``[rows, T]``, as ``answers`` has it."""
    pen, parts = read.pen, []
    vectors = layers.task_vectors(pen, model.experts, read.flat)
    own = zip(vectors, model.task_hidden, model.task_outputs, strict=True)
    for (name, loss), (vector, hidden, output) in zip(model.tasks.items(), own, strict=True):
        said = dense(pen, output, mlp(pen, hidden, vector))
        if loss == "binary":
            said = pen.op("Clip", pen.op("Sigmoid", said), *map(pen.number, CHANCES))
        elif name in model.bounds:
            said = pen.op("Clip", said, *map(pen.number, model.bounds[name]))
        parts.append(said)
    return pen.joined(parts)


def _history(pen: Pen, model: DIN, vectors: list[str]) -> str:
    """The vector of what a history holds for the candidate."""
    past, now = str(model.history_name), str(model.target_name)
    items = pen.op("Gather", pen.weight(model.tables[now].table), past, axis=0)
    target = vectors[[*model.tables].index(now)]
    return layers.attended(pen, model.attention, target, items, known(pen, past))


#: Class -> what draws its score ``[rows, 1]``, or those of its tasks. A subclass may compute
#: anything, and is not here.
RANKERS: Mapping[type, Callable[[Any, Read], str]] = MappingProxyType(
    {
        Ranker: _mlp,
        LogisticRegression: _linear,
        FMRanker: _fm,
        DeepFM: _deep_fm,
        DLRM: _dlrm,
        DCNv2: _dcn_v2,
        AutoInt: _autoint,
        MaskNet: _mask_net,
        FinalMLP: _final_mlp,
        DIN: _mlp,
        MultiTaskRanker: _multi_task,
    }
)

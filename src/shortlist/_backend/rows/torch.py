"""Rows of large tables on PyTorch."""

from __future__ import annotations

from typing import Any

import torch

from shortlist._backend.rows.lookups import Lookup, OutOfRange


def integers(ids: Any) -> Any:
    """Ids as int64, which every kernel takes."""
    return ids.to(torch.int64)


def gather(variable: Any, ids: Any) -> Any:
    """Rows of ``variable`` without a gradient to it."""
    with torch.no_grad():
        return differentiable_gather(variable, ids)


def differentiable_gather(variable: Any, ids: Any) -> Any:
    """Rows of ``variable`` with a gradient to it."""
    return torch.nn.functional.embedding(ids, variable.value)


def write(variable: Any, ids: Any, rows: Any) -> None:
    """Replace the rows of distinct ``ids`` in place."""
    with torch.no_grad():
        variable.value.index_copy_(0, integers(ids), rows)


def sum_repeated(ids: Any, gradients: Any, size: int) -> tuple[Any, Any]:
    """Distinct ids ``[u]``, sorted, and the sums of their gradients ``[u, D]``."""
    distinct, places = torch.unique(ids, return_inverse=True)
    sums = gradients.new_zeros(len(distinct), gradients.shape[1])
    sums.index_add_(0, places, gradients)
    inside = int((distinct < size).sum())
    return distinct[:inside], sums[:inside]


def outside(ids: Any, size: int) -> None:
    """Raise where an id is out of range; on PyTorch ids are always known."""
    if ids.numel() == 0 or ids.device.type == "meta":
        return
    bad = (ids < 0) | (ids >= size)
    if bool(bad.any()):
        raise OutOfRange(int(ids[bad][0]))


class Tape:
    """The lookups of one step."""

    def __init__(self, variables: list[Any]) -> None:
        self._wanted = {id(v) for v in variables}
        self.lookups: list[Lookup] = []
        self.flags: list[tuple[Any, Any]] = []

    def wants(self, variable: Any) -> bool:
        """Whether the rows of this variable are to be updated by the step."""
        return id(variable) in self._wanted

    def watch(self, variable: Any, ids: Any, updated: Any) -> Any:
        """Rows ``[n, D]`` for flat ``ids``, as a leaf of the graph."""
        rows = gather(variable, ids).requires_grad_()
        self.lookups.append(Lookup(variable, updated, rows))
        return rows

    def flag(self, layer: Any, found: Any) -> None:
        """Keep what ``outside`` found of the ids that a layer was called with."""
        self.flags.append((layer, found))

"""What a training step on many devices holds and moves, as a formula; see docs/distribution.md.

The devices are ``parts`` x ``shards``: each part has its share of a batch, and within a part each
shard has its share of every table that is split. All sizes are bytes of one device and one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from shortlist.features.placement import Placement, placement
from shortlist.recommender.plan_tables import Sizes, TableSize

__all__ = ["Mesh", "TablePlan", "Traffic", "step_memory", "table_plan", "traffic"]

_FLOAT = 4
# AdamW, which trains a configuration's model, remembers two numbers for each weight.
_SLOTS = 2


class Mesh(NamedTuple):
    """How the devices are used: ``parts`` of the batch times ``shards`` of the large tables."""

    parts: int
    shards: int
    min_rows: int


@dataclass(frozen=True)
class TablePlan:
    """Where a table lies and what it costs each device.

    Attributes:
        name: as the model calls it.
        rows, dim: its shape.
        placement: ``"whole"`` on every device, or its ``"rows"`` or ``"columns"`` split.
        bytes: of the whole table with the optimizer's memory of it.
        device_bytes: the part of them that each device holds.
        traffic: bytes that each device sends in a step for its lookups and updates.
    """

    name: str
    rows: int
    dim: int
    placement: Placement
    bytes: int
    device_bytes: int
    traffic: int


@dataclass(frozen=True)
class Traffic:
    """Bytes that each device sends, and receives as many, in a step.

    Attributes:
        lookups: rows looked up in tables that are split.
        updates: gradients of rows, and rows and slots that are changed.
        negatives: at most; candidates of the whole batch, so that all are each other's negatives.
        mask: which candidates a query has met before.
    """

    lookups: int
    updates: int
    negatives: int
    mask: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.lookups + self.updates + self.negatives + self.mask


def table_plan(table: TableSize, batch_size: int, mesh: Mesh) -> TablePlan:
    """Where ``table`` lies, by the rule of `shortlist.training.TableParallel`."""
    where = placement((table.rows, table.dim), mesh.shards, mesh.min_rows)
    whole = _FLOAT * table.rows * table.dim * (1 + _SLOTS)
    share = 1 if where == "whole" else mesh.shards
    moved = _lookups(table, where, batch_size, mesh) + _updates(table, where, batch_size, mesh)
    return TablePlan(table.name, table.rows, table.dim, where, whole, whole // share, round(moved))


def traffic(sizes: Sizes, mesh: Mesh) -> Traffic:
    """What a step moves between the devices."""
    batch = sizes.batch_size
    where = {t: placement((t.rows, t.dim), mesh.shards, mesh.min_rows) for t in sizes.tables}
    vectors = _FLOAT * batch * sizes.dim
    negatives = 3 * _gather(mesh.parts, vectors) + 2 * _reduce(mesh.parts, vectors)
    if "columns" in where.values():
        # Each device has some columns of every vector, and so a part of the sum that a score is.
        negatives += _reduce(mesh.shards, _FLOAT * batch * batch / mesh.parts)
    return Traffic(
        round(sum(_lookups(t, at, batch, mesh) for t, at in where.items())),
        round(sum(_updates(t, at, batch, mesh) for t, at in where.items())),
        round(negatives),
        round(_reduce(mesh.parts, _FLOAT * batch * batch)) if sizes.history else 0,
    )


def step_memory(sizes: Sizes) -> int:
    """About what a step holds besides the weights: rows and gradients, and the mask twice."""
    rows = sum(t.lookups * t.dim for t in sizes.tables)
    mask = 2 * sizes.batch_size**2 if sizes.history else 0
    return _FLOAT * (sizes.batch_size * rows * (3 + _SLOTS) + mask)


def _lookups(table: TableSize, where: Placement, batch_size: int, mesh: Mesh) -> float:
    share = _FLOAT * batch_size / mesh.parts * table.dim
    if where == "rows":
        return _reduce(mesh.shards, share * table.lookups)
    # Lookups of columns stay where they are; what they are combined to is put together.
    return 2 * _gather(mesh.shards, share) if where == "columns" else 0.0


def _updates(table: TableSize, where: Placement, batch_size: int, mesh: Mesh) -> float:
    looked_up = batch_size * table.lookups
    columns = table.dim / (mesh.shards if where == "columns" else 1)
    moved = _reduce(mesh.parts, _FLOAT * looked_up * columns)
    moved += 2 * _gather(mesh.parts, _FLOAT * looked_up)  # the ids
    if where == "rows":
        changed = min(looked_up, table.rows)
        moved += _reduce(mesh.shards, _FLOAT * changed * table.dim * (1 + _SLOTS))
    return moved


def _reduce(devices: int, size: float) -> float:
    """What each of ``devices`` in a ring sends to have the sum of ``size`` bytes of each."""
    return 2 * (devices - 1) / devices * size


def _gather(devices: int, size: float) -> float:
    """What each of ``devices`` in a ring sends so that all have the ``size`` bytes together."""
    return (devices - 1) / devices * size

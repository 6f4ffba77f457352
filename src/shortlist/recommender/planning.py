"""`make_plan`: how a training job would lie on many devices, and whether it fits.

>>> from shortlist.recommender.config import Config
>>> config = Config.from_dict({"data": {"dataset": "synthetic"}})
>>> plan = make_plan(config, devices=8, memory=16 * 10**9, users=99_999_999, items=1_999_999)
>>> plan.shards, plan.fits, plan.tables[1].placement
(8, True, 'rows')
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shortlist.errors import ConfigError
from shortlist.features.placement import MIN_ROWS
from shortlist.recommender.byte_sizes import show_bytes
from shortlist.recommender.config import Config
from shortlist.recommender.plan_cost import (
    Mesh,
    TablePlan,
    Traffic,
    step_memory,
    table_plan,
    traffic,
)
from shortlist.recommender.plan_tables import Sizes, sizes_of

__all__ = ["Plan", "make_plan"]

_MOST_DEVICES = 4_096
_USERS = "query_tower/user_embedding"


@dataclass(frozen=True)
class Plan:
    """A layout of a training job, for `shortlist.training.many_devices(shards, min_rows)`.

    Attributes:
        devices: how many there are.
        memory: bytes of each.
        shards: into how many parts large tables are split; the rest splits the batch.
        min_rows: the rows from which a table counts as large.
        batch_size: the examples of a step, all devices together.
        tables: each table, largest first.
        dense_bytes: the other weights with the optimizer's memory of them.
        step_bytes: about what a step holds besides.
        traffic: what a step moves.
        advice: where it does not fit, what would make it fit, each by itself.
    """

    devices: int
    memory: int
    shards: int
    min_rows: int
    batch_size: int
    tables: tuple[TablePlan, ...]
    dense_bytes: int
    step_bytes: int
    traffic: Traffic
    advice: tuple[str, ...] = ()

    @property
    def device_bytes(self) -> int:
        """What each device holds."""
        tables = sum(table.device_bytes for table in self.tables)
        return tables + self.dense_bytes + self.step_bytes

    @property
    def missing(self) -> int:
        """By how many bytes a device is too small; 0 where everything fits."""
        return max(0, self.device_bytes - self.memory)

    @property
    def undivided(self) -> list[TablePlan]:
        """The large tables that no way of splitting divides evenly, so that each device has all."""
        split = self.shards > 1
        return [
            t for t in self.tables if split and t.rows >= self.min_rows and t.placement == "whole"
        ]

    @property
    def fits(self) -> bool:
        """Whether the memory of a device is enough."""
        return not self.missing

    def message(self) -> str:
        """By how much it does not fit, and what can be done."""
        worst = self.tables[0]
        return (
            f"It does not fit: each of {self.devices} devices needs "
            f"{show_bytes(self.device_bytes)} and has {show_bytes(self.memory)}, "
            f"{show_bytes(self.missing)} too little. The largest table, {worst.name} "
            f"({worst.rows:,} x {worst.dim}, {worst.placement}), takes "
            f"{show_bytes(worst.device_bytes)} of each. What would help: "
            f"{'; '.join(self.advice)}."
        )

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON values."""
        found = dataclasses.asdict(self)
        found["traffic"]["total"] = self.traffic.total
        derived = {"device_bytes": self.device_bytes, "missing": self.missing, "fits": self.fits}
        return {**found, **derived}


def make_plan(
    config: Config,
    *,
    devices: int,
    memory: int,
    users: int | None = None,
    items: int | None = None,
    stream: bool = False,
    shards: int | None = None,
    min_rows: int = MIN_ROWS,
) -> Plan:
    """Choose the fewest shards with which everything fits: they move the least.

    Args:
        config: the training job.
        devices: how many there are.
        memory: bytes of each.
        users: plan for so many in place of those of the data, see `sizes_of`.
        items: likewise.
        stream: count data that is larger than memory, see `sizes_of`.
        shards: take these, whether it fits or not.
        min_rows: the rows from which a table is split.

    Raises:
        ConfigError: an argument is out of range, or the batch does not divide among the devices.
        ShortlistError: the data cannot be had or used.
    """
    for name, value in (("devices", devices), ("memory", memory), ("min_rows", min_rows)):
        if value < 1:
            raise ConfigError(f"{name} expected a whole number from 1 up; received {value!r}.")
    if shards is not None and (shards < 1 or devices % shards):
        raise ConfigError(
            f"shards expected a divisor of the number of devices, {devices}; received {shards!r}."
        )
    sizes = sizes_of(config, users, items, stream=stream)
    wanted = _ways(sizes, devices) if shards is None else [shards]
    if any(sizes.batch_size % (devices // count) for count in wanted):
        raise ConfigError(
            f"A batch of {sizes.batch_size:,} does not divide evenly into the "
            f"{devices // wanted[0]} parts that {devices} devices with {wanted[0]} shards make of "
            "it. Choose another batch_size in [retrieval], or more shards."
        )
    plans = [_plan(sizes, devices, memory, count, min_rows) for count in wanted]
    chosen = next((plan for plan in plans if plan.fits), None)
    if chosen is not None:
        return chosen
    least = min(plans, key=lambda plan: plan.device_bytes)
    return dataclasses.replace(least, advice=tuple(_advice(sizes, least)))


def _ways(sizes: Sizes, devices: int) -> list[int]:
    """The numbers of shards that leave parts into which a batch divides, fewest first."""
    divisors = [count for count in range(1, devices + 1) if devices % count == 0]
    return [count for count in divisors if sizes.batch_size % (devices // count) == 0]


def _plan(sizes: Sizes, devices: int, memory: int, shards: int, min_rows: int) -> Plan:
    mesh = Mesh(devices // shards, shards, min_rows)
    tables = [table_plan(table, sizes.batch_size, mesh) for table in sizes.tables]
    return Plan(
        devices=devices,
        memory=memory,
        shards=shards,
        min_rows=min_rows,
        batch_size=sizes.batch_size,
        tables=tuple(sorted(tables, key=lambda table: -table.device_bytes)),
        dense_bytes=12 * sizes.dense,
        step_bytes=step_memory(sizes),
        traffic=traffic(sizes, mesh),
    )


def _advice(sizes: Sizes, plan: Plan) -> Iterator[str]:
    """What would make it fit, each by itself."""

    def fits(changed: Sizes, devices: int = plan.devices) -> bool:
        ways = _ways(changed, devices)
        found = (_plan(changed, devices, plan.memory, n, plan.min_rows) for n in ways)
        return any(one.fits for one in found)

    enough = next((n for n in _doublings(plan.devices) if fits(sizes, n)), None)
    if enough is not None:
        yield f"{enough} devices"
    dim = sizes.dim - 1
    smaller = next((n for n in _halvings(dim) if fits(_with_dim(sizes, n))), None)
    if smaller is not None:
        yield f"embedding_dim = {smaller} in place of {dim}"
    worst = plan.tables[0]
    fewer = next((n for n in _halvings(worst.rows) if fits(_with_rows(sizes, worst.rows, n))), None)
    if fewer is not None:
        yield f"hashing the {worst.rows:,} ids of {worst.name} into {fewer:,} buckets or fewer"
    if fits(_without(sizes, _USERS)):
        yield "user_id = false in [features], which leaves the users' own vectors out"
    if plan.step_bytes > plan.memory / 2:
        yield f"a smaller batch_size than {sizes.batch_size:,}"
    yield f"devices of {show_bytes(plan.device_bytes)} or more"


def _doublings(start: int) -> Iterator[int]:
    return (start * 2**n for n in range(1, int(math.log2(max(_MOST_DEVICES / start, 1))) + 1))


def _halvings(start: int) -> Iterator[int]:
    return (start // 2**n for n in range(1, start.bit_length()))


def _with_dim(sizes: Sizes, dim: int) -> Sizes:
    old = sizes.dim - 1
    tables = (t if t.dim == 1 else dataclasses.replace(t, dim=dim) for t in sizes.tables)
    return dataclasses.replace(
        sizes, tables=tuple(tables), dim=dim + 1, dense=sizes.dense // old * dim
    )


def _without(sizes: Sizes, name: str) -> Sizes:
    kept = tuple(table for table in sizes.tables if table.name != name)
    return dataclasses.replace(sizes, tables=kept)


def _with_rows(sizes: Sizes, old: int, rows: int) -> Sizes:
    """The sizes when all tables of the ids in question have fewer rows."""
    changed = (dataclasses.replace(t, rows=rows) if t.rows == old else t for t in sizes.tables)
    return dataclasses.replace(sizes, tables=tuple(changed))

"""`shortlist plan CONFIG.toml`: where the tables of a training job lie on many devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shortlist.cli.options import AsJson, Debug
from shortlist.cli.output import emit, stderr
from shortlist.recommender.byte_sizes import parse_bytes, show_bytes
from shortlist.recommender.config import Config

if TYPE_CHECKING:
    from rich.console import Console

    from shortlist.recommender.planning import Plan

__all__ = ["plan"]

_DOES_NOT_FIT = 1


def plan(
    config: Annotated[Path, typer.Argument(help="A TOML file, as for `shortlist train`.")],
    devices: Annotated[int, typer.Option("--devices", help="How many devices there are.")],
    memory: Annotated[str, typer.Option("--memory", help="Of each device: 16GB, 16GiB, 512MB.")],
    users: Annotated[
        int | None, typer.Option("--users", help="Plan for so many users, not those of the data.")
    ] = None,
    items: Annotated[
        int | None,
        typer.Option("--items", help="Plan for so many items. With --users no data is read."),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option("--stream", help="Count all of the data block by block: it need not fit."),
    ] = False,
    shards: Annotated[
        int | None, typer.Option("--shards", help="Split large tables into so many parts.")
    ] = None,
    min_rows: Annotated[
        int | None, typer.Option("--min-rows", help="The rows from which a table is split.")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Say where each table would lie on many devices, what a step moves, and whether it fits."""
    del debug  # read by `main`
    wanted, size = Config.from_toml(config), parse_bytes(memory)
    from shortlist.features.placement import MIN_ROWS
    from shortlist.recommender.planning import make_plan

    made = make_plan(
        wanted,
        devices=devices,
        memory=size,
        users=users,
        items=items,
        stream=stream,
        shards=shards,
        min_rows=MIN_ROWS if min_rows is None else min_rows,
    )
    emit(
        made.to_dict() | ({} if made.fits else {"message": made.message()}),
        lambda console: _show(console, made),
        as_json=as_json,
    )
    if not made.fits:
        stderr().print(made.message())
        raise typer.Exit(_DOES_NOT_FIT)


def _show(console: Console, made: Plan) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("table", "placement"):
        table.add_column(title)
    for title in ("rows", "dim", "in all", "a device", "sent a step"):
        table.add_column(title, justify="right")
    for one in made.tables:
        amounts = map(show_bytes, (one.bytes, one.device_bytes, one.traffic))
        table.add_row(one.name, one.placement, f"{one.rows:,}", str(one.dim), *amounts)
    console.print(table)
    moved = made.traffic
    console.print(
        f"\nA device holds {show_bytes(made.device_bytes)} of {show_bytes(made.memory)}: tables "
        f"with AdamW's memory {show_bytes(sum(t.device_bytes for t in made.tables))}, other "
        f"weights {show_bytes(made.dense_bytes)}, a step about {show_bytes(made.step_bytes)}."
    )
    console.print(
        f"In a step of {made.batch_size:,} examples it sends at most {show_bytes(moved.total)}: "
        f"lookups {show_bytes(moved.lookups)}, updates {show_bytes(moved.updates)}, negatives "
        f"{show_bytes(moved.negatives)}, the mask of items met before {show_bytes(moved.mask)}."
    )
    for one in made.undivided:
        console.print(
            f"Note: neither the {one.rows:,} rows of {one.name} nor its {one.dim} columns divide "
            f"by {made.shards}, so every device holds all of it."
        )
    if made.fits:
        rows = f", min_rows={made.min_rows}" if made.shards > 1 else ""
        console.print(f"It fits: many_devices(shards={made.shards}{rows})")

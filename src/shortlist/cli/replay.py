"""`shortlist replay STATE ONE OTHER`: the requests of a log, asked of two bundles."""

from __future__ import annotations

import dataclasses
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shortlist.cli.export_events import State, existing
from shortlist.cli.options import AsJson, Debug
from shortlist.cli.output import emit
from shortlist.cli.serve import need_server

if TYPE_CHECKING:
    from rich.console import Console

    from shortlist.serving.replay import Replayed

__all__ = ["replay"]


def replay(
    state: State,
    one: Annotated[Path, typer.Argument(help="A bundle, or the folder of its versions.")],
    other: Annotated[Path, typer.Argument(help="Another one.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many requests.")] = 1000,
    shown: Annotated[int, typer.Option("--shown", min=0, help="How many differences.")] = 5,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Ask logged requests again of two bundles and show how their answers differ."""
    del debug
    need_server()
    from shortlist.recommender import Recommender
    from shortlist.serving.engine import Engine
    from shortlist.serving.replay import replay as run

    engines = [Engine(Recommender.load(path), str(path)) for path in (one, other)]
    store = existing(state)
    try:
        found = run(islice(store.requests(), limit), *engines, shown=shown)
    finally:
        store.close()
    value = {"one": one, "other": other, **dataclasses.asdict(found)}
    emit(value, lambda console: _show(console, found), as_json=as_json)


def _show(console: Console, found: Replayed) -> None:
    answered = max(1, found.requests - found.failed)

    def share(count: int) -> str:
        return f"{count:,} ({count / answered:.0%})"

    lines: list[tuple[str, Any]] = [
        ("requests", f"{found.requests:,}"),
        ("not answered by both", f"{found.failed:,} {found.reason or ''}"),
        ("the same list", share(found.same)),
        ("the same first item", share(found.same_first)),
        ("items in both", f"{found.overlap:.1%}"),
        ("places moved", f"{found.moved:.2f}"),
        ("from popularity", f"{found.fallback[0]:,} and {found.fallback[1]:,}"),
    ]
    for name, value in lines:
        console.print(f"{name:22} {value}")
    for one in found.differences:
        console.print(f"user {one.user}: {list(one.one)} and {list(one.other)}")

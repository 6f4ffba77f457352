"""`shortlist export-events STATE --out FILE.parquet`: what happened, to train on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shortlist.cli.options import AsJson, Debug
from shortlist.cli.output import emit
from shortlist.cli.serve import need_server
from shortlist.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from shortlist.serving.state import StateStore

__all__ = ["State", "existing", "export_events"]

State = Annotated[str, typer.Argument(help="The server's state: a file or postgresql://...")]


def export_events(
    state: State,
    out: Annotated[Path, typer.Option("--out", help="The Parquet file to write.")],
    impressions: Annotated[
        Path | None, typer.Option("--impressions", help="Write what was shown there as well.")
    ] = None,
    after: Annotated[
        int, typer.Option("--after", min=0, help="Only events after this number.")
    ] = 0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write the events of a server's state as Parquet: user, item, time and more."""
    del debug
    need_server()
    from shortlist.serving.export import export_events as write
    from shortlist.serving.export import export_impressions

    store = existing(state)
    try:
        rows, last = write(store, out, after=after)
        found: dict[str, Any] = {"events": rows, "last": last, "out": out}
        if impressions is not None:
            found["impressions"] = export_impressions(store, impressions)
            found["impressions_out"] = impressions
    finally:
        store.close()
    emit(found, lambda console: _show(console, found), as_json=as_json)


def existing(state: str) -> StateStore:
    """Open a state that is there.

    Raises:
        ConfigError: there is none.
    """
    from shortlist.serving.state import StateStore

    if "://" not in state and not Path(state).is_file():
        raise ConfigError(
            f"Expected the state of a server at {state}; there is no such file. By default it is "
            "`.state/shortlist.db` in the folder of the bundle's versions."
        )
    return StateStore.open(state)


def _show(console: Console, found: dict[str, Any]) -> None:
    console.print(f"{found['events']:,} events in {found['out']}")
    if "impressions" in found:
        console.print(f"{found['impressions']:,} impressions in {found['impressions_out']}")
    console.print(f"Next time, only what is new: --after {found['last']}")

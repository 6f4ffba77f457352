"""`shortlist train CONFIG.toml`: a recommender from one's own data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shortlist.cli.jobs import outcome, run_job
from shortlist.cli.options import AsJson, Debug, Out
from shortlist.cli.output import emit
from shortlist.cli.show import nearby, show_facts
from shortlist.recommender.config import Config, OutputConfig

if TYPE_CHECKING:
    from rich.console import Console

    from shortlist.recommender.job import Trained

__all__ = ["train"]


def train(
    config: Annotated[Path, typer.Argument(help="A TOML file; see docs/configuration.md.")],
    out: Out = None,
    warm_start: Annotated[
        Path | None,
        typer.Option("--warm-start", help="A bundle to go on from, with what is new in the data."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train, evaluate and save the recommender that a configuration file describes."""
    wanted = Config.from_toml(config)
    if out is not None:
        wanted = dataclasses.replace(wanted, output=OutputConfig(str(out.resolve())))
    trained = run_job(wanted, debug=debug, warm_start=warm_start)
    emit(outcome(trained), lambda console: _show(console, trained), as_json=as_json)


def _show(console: Console, trained: Trained) -> None:
    bundle = nearby(trained.bundle)
    show_facts(console, trained.facts)
    console.print()
    console.print(trained.report.table())
    console.print(f"\nThe bundle: {bundle}")
    console.print(f"\nNext:\n  shortlist recommend {bundle} --user ID")

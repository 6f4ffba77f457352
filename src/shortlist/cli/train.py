"""`shortlist train CONFIG.toml`: a recommender from one's own data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shortlist.cli.jobs import outcome, run_job
from shortlist.cli.options import AsJson, Debug, Out
from shortlist.cli.output import emit
from shortlist.cli.show import show_metrics
from shortlist.recommender.config import Config, OutputConfig

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["train"]


def train(
    config: Annotated[Path, typer.Argument(help="A TOML file; see docs/configuration.md.")],
    out: Out = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train, evaluate and save the recommender that a configuration file describes."""
    wanted = Config.from_toml(config)
    if out is not None:
        wanted = dataclasses.replace(wanted, output=OutputConfig(str(out.resolve())))
    found = outcome(run_job(wanted, as_json=as_json, debug=debug))
    emit(found, lambda console: _show(console, found), as_json=as_json)


def _show(console: Console, found: dict[str, Any]) -> None:
    console.print()
    show_metrics(console, found["metrics"])
    console.print(f"\nThe bundle: {found['bundle']}")
    console.print(f"\nNext:\n  shortlist recommend {found['bundle']} --user ID")

"""`shortlist compare CONFIG.toml`: models and baselines on one split, told apart honestly."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shortlist.cli.options import AsJson, Debug
from shortlist.cli.output import emit
from shortlist.cli.process import prepare_backend, quiet_backends
from shortlist.cli.show import nearby

if TYPE_CHECKING:
    from rich.console import Console

    from shortlist.comparison import Compared

__all__ = ["compare"]

_SHOWN = ("ndcg", "recall", "mrr", "coverage", "novelty")


def compare(
    config: Annotated[
        Path, typer.Argument(help="A TOML file as for `train`, with [compare]; docs/compare.md.")
    ],
    trials: Annotated[
        int | None, typer.Option("--trials", help="Options tried for each model; 0 for none.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the report; each run adds a version.")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tune, train and compare models and baselines, and write an HTML report."""
    from shortlist.comparison import ComparisonConfig

    wanted = ComparisonConfig.from_toml(config)
    changed: dict[str, Any] = {} if trials is None else {"trials": trials}
    if out is not None:
        changed["folder"] = str(out.resolve())
    wanted = dataclasses.replace(wanted, compare=dataclasses.replace(wanted.compare, **changed))
    compared = _run(wanted, debug=debug)
    emit(_found(compared), lambda console: _show(console, compared), as_json=as_json)


def _run(config: Any, *, debug: bool) -> Compared:
    from shortlist.cli.progress import StageLines
    from shortlist.comparison import ComparisonJob
    from shortlist.comparison.contenders import CONTENDERS

    if any(CONTENDERS[name].needs_keras for name in config.compare.models):
        prepare_backend(debug=debug)
    else:
        quiet_backends(debug=debug)
    with StageLines() as lines:
        return ComparisonJob(config, lines.finished, lines.progress).run()


def _found(compared: Compared) -> dict[str, Any]:
    from shortlist.comparison.files import summary

    seconds = {stage.name: stage.seconds for stage in compared.stages}
    return {
        "folder": compared.folder,
        "report": compared.folder / "report.html",
        "seconds": {**seconds, "total": sum(seconds.values())},
        **summary(compared.study),
    }


def _show(console: Console, compared: Compared) -> None:
    from shortlist.evaluation import over_rounds

    study = compared.study
    names = [f"{name}@{study.k}" for name in _SHOWN]
    console.print(study.report.table(list(dict.fromkeys([study.metric, *names]))))
    console.print()
    for line in study.comparisons:
        console.print(str(line))
    for model, found in over_rounds(study.report, study.metric).items():
        each = ", ".join(f"{value:.4f}" for value in found.values)
        console.print(f"{model} over the rounds on {study.metric}: {found} ({each})")
    for model, reason in study.left_out.items():
        console.print(f"{model} is left out: {reason}")
    console.print(f"\nThe report: {nearby(compared.folder / 'report.html')}")

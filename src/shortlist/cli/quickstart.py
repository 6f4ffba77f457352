"""`shortlist quickstart`: real data, a trained recommender, an honest evaluation, answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shortlist.cli.jobs import outcome, run_job
from shortlist.cli.options import AsJson, Debug, Out
from shortlist.cli.output import emit
from shortlist.cli.recommend import rows
from shortlist.cli.show import nearby, show_facts, show_recommendations
from shortlist.recommender.config import Config

if TYPE_CHECKING:
    from rich.console import Console

    from shortlist.recommender.job import Trained

__all__ = ["quickstart", "quickstart_config"]

USER = 12
METRICS = ("ndcg@10", "recall@10", "recall@100", "coverage@10")


def quickstart(
    path: Annotated[
        Path | None, typer.Option("--path", help="MovieLens-100K on disk: its folder or zip.")
    ] = None,
    out: Out = Path("shortlist-bundles/movielens-100k"),
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same metrics.")] = 42,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Passes over the data, for retrieval.")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Train on MovieLens-100K, evaluate, save a bundle and recommend: a minute in all.

    Each user's last 20 % of ratings by time are the test. In this data set people rate in one
    sitting, so a cut of the whole set at one moment would leave hardly any test user that was met
    in training.
    """
    trained = run_job(quickstart_config(path, out, seed, epochs), debug=debug)
    recommendations = rows(trained.recommender, trained.recommender.recommend([USER], k=10))[0]
    found = {**outcome(trained), "user": USER, "recommendations": recommendations}
    emit(found, lambda console: _show(console, trained, recommendations), as_json=as_json)


def quickstart_config(path: Path | None, out: Path | None, seed: int, epochs: int | None) -> Config:
    """The configuration of the quickstart, which is an ordinary one."""
    tables: dict[str, Any] = {
        "seed": seed,
        "data": {"dataset": "movielens-100k"},
        "split": {"method": "user-time", "test": 0.2},
        "postranking": {
            "steps": [
                {"name": "seen"},
                {"name": "mmr", "trade_off": 0.9},
                {"name": "attribute_cap", "column": "genres", "at_most": 8},
            ]
        },
    }
    if path is not None:
        tables["data"]["path"] = str(path)
    if out is not None:
        tables["output"] = {"bundle": str(out)}
    if epochs is not None:
        tables["retrieval"] = {"epochs": epochs}
    return Config.from_dict(tables).anchored(Path.cwd())


def _show(console: Console, trained: Trained, recommendations: list[dict[str, Any]]) -> None:
    bundle = nearby(trained.bundle)
    show_facts(console, trained.facts)
    console.print()
    console.print(trained.report.table(METRICS))
    console.print(f"\nFor user {USER}:")
    show_recommendations(console, recommendations)
    console.print(f"\nThe bundle: {bundle}")
    console.print(
        "\nNext:\n"
        f"  shortlist recommend {bundle} --user 7 -k 5\n"
        f"  shortlist recommend {bundle} --history 50,181,172   # somebody new\n"
        f"  shortlist evaluate {bundle}\n"
        f"  shortlist serve {bundle.parent}   # over HTTP; pip install 'shortlist[serve]'\n"
        "  shortlist train examples/own_data.toml   # after naming your own files in it"
    )

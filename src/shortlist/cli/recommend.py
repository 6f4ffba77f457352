"""`shortlist recommend BUNDLE`: answers from a saved recommender."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from shortlist.cli.asked import split_list, typed_ids
from shortlist.cli.options import AsJson, Bundle, Debug
from shortlist.cli.output import emit
from shortlist.cli.process import quiet_backends
from shortlist.cli.show import show_recommendations
from shortlist.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from shortlist.recommender.pipeline import Recommendations, Recommender

__all__ = ["UnknownItemsWarning", "recommend", "rows"]


class UnknownItemsWarning(UserWarning):
    """A history holds items that a recommender does not know."""


def recommend(
    bundle: Bundle,
    user: Annotated[
        list[str] | None, typer.Option("--user", "-u", help="Whom to recommend to; repeatable.")
    ] = None,
    history: Annotated[
        str | None,
        typer.Option("--history", help="Items met last, oldest first, as in: 50,181,172."),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="How many items.")] = 10,
    where: Annotated[
        str | None,
        typer.Option("--where", help="A condition on the items, as in: year >= 1990."),
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody the bundle knows, into the file --out.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="With --all: a Parquet file; a stopped run goes on."),
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option("--engine", help="With --all: this process, or Ray and its workers."),
    ] = "local",
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Recommend to users, known or new; with --history alone to somebody without a name."""
    quiet_backends(debug=debug)
    if engine != "local" and not everybody:
        raise ConfigError(f"--engine {engine} goes with --all.")
    if everybody or out is not None:
        if not everybody or out is None or user or history is not None:
            raise ConfigError("--all and --out go together, and with neither --user nor --history.")
        done = _recommend_to_all(bundle, out, k, where, engine)
        emit(done, lambda console: _show_written(console, done), as_json=as_json)
        return
    if not user and history is None:
        raise ConfigError("Expected --user or --history or both; received neither.")
    if history is not None and len(user or ()) > 1:
        raise ConfigError("--history goes with one --user; ask for the others by themselves.")
    from shortlist.recommender import Recommender

    recommender = Recommender.load(bundle)
    users: list[Any] = [None]  # somebody without a name
    if user:
        users = typed_ids(user, recommender.users.histories.users.tolist(), "user")
    past = None if history is None else [_met(history, recommender.items["item"].to_list())]
    answers = recommender.recommend(users, k, history=past, where=where)
    found = {
        "bundle": bundle,
        "answers": [
            {"user": name, "fallback": bool(cold), "recommendations": items}
            for name, cold, items in zip(
                users, answers.fallback, rows(recommender, answers), strict=True
            )
        ],
    }
    emit(found, lambda console: _show(console, found), as_json=as_json)


def _recommend_to_all(
    bundle: Path, out: Path, k: int, where: str | None, engine: str
) -> dict[str, Any]:
    from shortlist.bundle import read_folder
    from shortlist.cli.progress import StageLines
    from shortlist.recommender import Recommender, on_ray, recommend_all
    from shortlist.recommender.storage import latest_version

    version = latest_version(bundle)
    users = 0
    with StageLines() as lines:

        def told(done: int, total: int) -> None:
            nonlocal users
            users = total
            lines.progress("users", done, total)

        if engine == "ray":
            written = on_ray.recommend_all(version, out, k=k, where=where, on_progress=told)
        else:
            identity = read_folder(version, kind="recommender").manifest.fingerprint
            written = recommend_all(
                Recommender.load(version),
                out,
                k=k,
                where=where,
                identity=identity,
                on_progress=told,
            )
    return {"bundle": version, "out": out, "users": users, "rows": written}


def _show_written(console: Console, done: dict[str, Any]) -> None:
    console.print(f"{done['rows']:,} rows for {done['users']:,} users in {done['out']}")


def rows(recommender: Recommender, answers: Recommendations) -> list[list[dict[str, Any]]]:
    """Each answer as a list of item, title and score, best first."""
    return [
        [
            {"item": item, "title": title, "score": score}
            for (item, score), title in zip(
                pairs, recommender.titles([item for item, _ in pairs]), strict=True
            )
        ]
        for pairs in answers
    ]


def _met(history: str, catalogue: list[Any]) -> list[Any]:
    """The items of a history, without those that are not in the catalogue."""
    typed = typed_ids(split_list(history), catalogue, "item")
    known = set(catalogue)
    unknown = [item for item in typed if item not in known]
    if unknown:
        warnings.warn(
            f"Left out of the history, not being in the catalogue: {', '.join(map(str, unknown))}.",
            UnknownItemsWarning,
            stacklevel=2,
        )
    return [item for item in typed if item in known]


def _show(console: Console, found: dict[str, Any]) -> None:
    for answer in found["answers"]:
        whom = "this history" if answer["user"] is None else f"user {answer['user']}"
        note = " (nothing is known of them: the most popular items)" if answer["fallback"] else ""
        console.print(f"For {whom}{note}:")
        show_recommendations(console, answer["recommendations"])

"""`shortlist recommend BUNDLE`: answers from a saved recommender."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Any

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
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Recommend to users, known or new; with --history alone to somebody without a name."""
    if not user and history is None:
        raise ConfigError("Expected --user or --history or both; received neither.")
    if history is not None and len(user or ()) > 1:
        raise ConfigError("--history goes with one --user; ask for the others by themselves.")
    quiet_backends(debug=debug)
    from shortlist.recommender import Recommender

    recommender = Recommender.load(bundle)
    users: list[Any] = [None]  # somebody without a name
    if user:
        users = typed_ids(user, recommender.users.histories.users.tolist(), "user")
    past = None if history is None else [_met(history, recommender.items["item"].to_list())]
    answers = recommender.recommend(users, k, history=past)
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

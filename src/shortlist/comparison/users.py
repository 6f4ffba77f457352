"""The users of a comparison: those that are shown, and the segments they fall into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, nearest
from shortlist.evaluation import Truth
from shortlist.evaluation.run import Retriever
from shortlist.report import Example, Place

__all__ = ["chosen", "examples", "segments"]

_SHOWN = 10
_AT = (0.1, 0.5, 0.9)
_MOST_VALUES = 12


def chosen(truth: Truth, wanted: Sequence[Any]) -> list[int]:
    """The rows of the users that are asked for, or of some with short and long histories.

    Raises:
        ConfigError: a user is not among those that are evaluated.
    """
    if not wanted:
        order = np.argsort([len(row) for row in truth.queries.history], kind="stable")
        return list(dict.fromkeys(int(order[int(share * (len(order) - 1))]) for share in _AT))
    known = {str(user): row for row, user in enumerate(truth.queries.users.tolist())}
    for user in wanted:
        if str(user) not in known:
            raise ConfigError(
                f"`users` in [compare] names {user!r}, who is not among the {len(known):,} users "
                f"of the test part.{nearest(str(user), known)}"
            )
    return [known[str(user)] for user in wanted]


def examples(
    truth: Truth,
    rows: Sequence[int],
    models: Mapping[str, Retriever],
    items: pl.DataFrame,
    title: str,
) -> list[Example]:
    """What each of some users did, and what each model would show them."""
    titles = items[title if title in items.columns else "item"]
    named = dict(zip(items["item"].to_list(), titles.to_list(), strict=True))
    found = []
    for row in rows:
        query = truth.queries.rows(row, row + 1)
        met = set(truth.items[truth.relevant[truth.owners == row]].tolist())
        history = query.history[0].tolist()[::-1]
        lists = {
            name: [
                Place(str(named.get(item, item)), item in met)
                for item in model(query, _SHOWN).lists()[0]
            ]
            for name, model in models.items()
        }
        shown = [str(named.get(item, item)) for item in history[:_SHOWN]]
        found.append(Example(query.users.tolist()[0], shown, len(history), lists))
    return found


def segments(
    users: np.ndarray, frame: pl.DataFrame | None, columns: Sequence[str]
) -> dict[str, np.ndarray]:
    """A label for each of ``users`` ``[U]`` by each column; numbers of many values in thirds.

    Raises:
        ConfigError: the frame has no such column, or it holds lists.
    """
    found = {}
    for column in columns:
        known = [] if frame is None else [name for name in frame.columns if name != "user"]
        if frame is None or column not in known:
            raise ConfigError(
                f"`segments` in [compare] names {column!r}; the users have {known}."
                f"{nearest(column, known)}"
            )
        if frame[column].dtype.is_nested():
            raise ConfigError(
                f"`segments` in [compare] names {column!r}, which holds several values a user. "
                "Expected a column of texts, numbers or booleans."
            )
        asked = pl.DataFrame({"user": pl.Series(users)})
        joined = asked.join(
            frame.select("user", column), on="user", how="left", maintain_order="left"
        )
        found[column] = _labels(joined[column])
    return found


def _labels(values: pl.Series) -> np.ndarray:
    if values.dtype.is_numeric() and values.n_unique() > _MOST_VALUES:
        first, second = (values.quantile(share, "lower") for share in (1 / 3, 2 / 3))
        labels = (
            pl.when(values.is_null())
            .then(pl.lit("unknown"))
            .when(values <= first)
            .then(pl.lit(f"1. up to {first:g}"))
            .when(values <= second)
            .then(pl.lit(f"2. up to {second:g}"))
            .otherwise(pl.lit(f"3. over {second:g}"))
        )
        return pl.select(labels).to_series().to_numpy()
    return values.cast(pl.String).fill_null("unknown").to_numpy()

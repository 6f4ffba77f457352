"""What a ranker learns from: lists that retrieval found, and what is known of their candidates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import polars as pl

from shortlist.data import Interactions, LeakWarning, Split, splits
from shortlist.errors import ConfigError, DataError, SchemaError, nearest
from shortlist.ids import IdMap
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.config import Config
from shortlist.recommender.ranking_config import TaskConfig
from shortlist.recommender.signals import SIGNALS
from shortlist.recommender.users import UserStore

__all__ = ["check_tasks", "gains", "hold_out", "kept", "questions", "task_labels"]


def hold_out(train: Interactions, config: Config) -> Split:
    """The latest part of each user's events, or a random one where time says nothing."""
    if config.features.history == "others" or not train.has_time:
        with warnings.catch_warnings():
            # The ranker only has to learn from lists like those it will rank.
            warnings.simplefilter("ignore", LeakWarning)
            return splits.random(train, test=0.2, seed=config.seed)
    return splits.by_user_time(train, test=0.2)


def questions(inner: Split, users: pl.DataFrame | None) -> Queries:
    """A query for each user with something held out, as of the moment before it."""
    store = UserStore.of(inner.train, users)
    ids = inner.test.users
    history = store.history(ids)
    return Queries(ids, history, store.features(ids), history)


def gains(pool: Ranked, held_out: Interactions, queries: Queries) -> np.ndarray:
    """``[B, K]``: 1 where a candidate was met in the held-out part, 0 elsewhere, -1 for no item."""
    met = _values(pool, held_out, queries, np.ones(len(held_out)))
    return np.where(pool.valid, np.nan_to_num(met), -1.0).astype(np.float32)


def kept(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Some rows of an array, which stays a view where one value stands for all places of a row."""
    if values.ndim > 1 and values.strides[1] == 0:
        chosen = values[:, 0][rows]
        return np.broadcast_to(chosen[:, None], (len(chosen), *values.shape[1:]))
    return values[rows]


def check_tasks(config: Config, events: Interactions) -> None:
    """Look whether every task of [ranking.tasks] can be learned from these events.

    Raises:
        ConfigError: a task has the name of a signal, no labels, or labels its formula cannot take.
        SchemaError: there is no such column.
        DataError: a label is none that its loss can take.
    """
    formula = config.ranking.score_formula if config.ranking.tasks else None
    for name, task in config.ranking.chosen_tasks.items():
        if name in SIGNALS:
            raise ConfigError(
                f"The task {name!r} in [ranking.tasks] has the name of a signal that the ranker "
                "reads. Call it something else."
            )
        labels = _event_labels(name, task, events, config)
        if np.isnan(labels).all():
            raise ConfigError(
                f"The task {name!r} in [ranking.tasks] has no labels: all {len(labels)} values of "
                f"the column {task.column!r} are null."
            )
        counts = formula is not None and name in formula.weights and formula.kind == "product"
        if counts and task.loss == "squared" and np.nanmin(labels) <= 0:
            raise ConfigError(
                f"A product of scores expected labels above 0 of the task {name!r}; the column "
                f'{task.column!r} has {np.nanmin(labels):g}. Set `combine = "sum"` in [ranking], '
                "or shift the column."
            )


def task_labels(
    pool: Ranked, held_out: Interactions, queries: Queries, config: Config
) -> dict[str, np.ndarray]:
    """The labels ``[B, K]`` of each task, float32, NaN where there is none.

    Raises:
        ConfigError: no candidate has a label of some task.
    """
    found: dict[str, np.ndarray] = {}
    for name, task in config.ranking.chosen_tasks.items():
        labels = _values(pool, held_out, queries, _event_labels(name, task, held_out, config))
        if task.column is None:
            labels = np.where(pool.valid, np.nan_to_num(labels), np.nan)
        if np.isnan(labels).all():
            raise ConfigError(
                f"The task {name!r} in [ranking.tasks] has nothing to learn from: no candidate "
                f"that was retrieved and then met has a value in the column {task.column!r}. Raise "
                "`pool` in [ranking], or leave the task out."
            )
        found[name] = labels.astype(np.float32)
    return found


def _event_labels(name: str, task: TaskConfig, events: Interactions, config: Config) -> np.ndarray:
    """``[N]``: the label of each event, NaN where it has none."""
    if task.column is None:
        return np.ones(len(events))
    # Columns that [data] names have names of their own inside.
    renamed = {config.data.rating: "rating", config.data.weight: "weight"}
    frame = events.frame
    column = task.column if task.column in frame.columns else renamed.get(task.column, task.column)
    if column not in frame.columns:
        raise SchemaError(
            f"The task {name!r} in [ranking.tasks] names the column {task.column!r}, which the "
            f"interactions do not have; they have {frame.columns}."
            f"{nearest(task.column, [*frame.columns, *filter(None, renamed)])}"
        )
    series = frame[column]
    if not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        raise SchemaError(
            f"The task {name!r} in [ranking.tasks] expected numbers in the column {task.column!r}; "
            f"it has the type {series.dtype}."
        )
    values = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
    if task.at_least is not None:
        return np.where(np.isnan(values), np.nan, values >= task.at_least)
    good = np.isnan(values) | np.isfinite(values)
    if task.loss == "binary":
        good &= ~((values < 0) | (values > 1))
    if not good.all():
        row = int(np.argmin(good))
        hint = ' Set `at_least`, or `loss = "squared"`.' if task.loss == "binary" else ""
        expected = "labels from 0 to 1" if task.loss == "binary" else "finite numbers"
        raise DataError(
            f"The task {name!r} in [ranking.tasks] expected {expected} in the column "
            f"{task.column!r}; an event has {values[row]:g}.{hint}"
        )
    return values


def _values(
    pool: Ranked, held_out: Interactions, queries: Queries, labels: np.ndarray
) -> np.ndarray:
    """``[B, K]``: the label of the event in which a candidate was met, NaN where it was not."""
    users = IdMap(queries.users).of(held_out.users)[held_out.user_codes]
    items = held_out.frame["item"].to_list()
    met: Mapping[tuple[int, object], float] = dict(
        zip(zip(users.tolist(), items, strict=True), labels.tolist(), strict=True)
    )
    found = np.full(pool.ids.shape, np.nan)
    for row, (ids, valid) in enumerate(zip(pool.ids, pool.valid, strict=True)):
        values = [met.get((row, item), np.nan) for item in ids.tolist()]
        found[row] = np.where(valid, values, np.nan)
    return found

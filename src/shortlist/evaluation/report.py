"""`Report`: what an evaluation found, for reading and for machines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from shortlist.errors import ConfigError, nearest
from shortlist.evaluation.statistics import Comparison, bootstrap, compare
from shortlist.ids import as_ids

__all__ = ["Report"]


@dataclass(frozen=True, eq=False)
class Report:
    """The metrics of several models over the same users.

    Where a report is about several rounds (see `shortlist.evaluation.pool`), a user may stand in it
    once for each; intervals and tests then take all that is known of a user together.

    Attributes:
        split: the name of the split.
        description: the rule of the split in one sentence.
        ks: the cut-offs.
        users: ``[U]`` the users evaluated.
        per_user: for each model and metric such as ``"ndcg@10"``, a value for each user ``[U]``;
            NaN where a user has none.
        overall: for each model, ``"coverage@10"`` and ``"gini@10"``: of a whole run, not of a user.
        activity: ``[U]`` how many interactions each user's history holds.
        counts: see `Truth`.
        leaks: the warnings that were given of the split.
        seconds: how long each model took to answer.
        rounds: ``[U]`` the name of the round in which each was asked; None where there is one.
    """

    split: str
    description: str
    ks: tuple[int, ...]
    users: np.ndarray
    per_user: Mapping[str, Mapping[str, np.ndarray]]
    overall: Mapping[str, Mapping[str, float]]
    activity: np.ndarray
    counts: Mapping[str, int]
    leaks: Sequence[str]
    seconds: Mapping[str, float]
    rounds: np.ndarray | None = None

    @property
    def models(self) -> list[str]:
        """The names of the models, popularity first."""
        return list(self.per_user)

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """For each model, each metric's mean over the users that have a value."""
        return {
            model: {
                **{name: _mean(values) for name, values in self.per_user[model].items()},
                **self.overall[model],
            }
            for model in self.models
        }

    @property
    def cold(self) -> np.ndarray:
        """``[U]`` bool, users without any history."""
        return np.asarray(self.activity == 0)

    def of(self, users: np.ndarray) -> dict[str, dict[str, float]]:
        """The metrics over some users only, given as ``[U]`` bool; coverage and gini are left out.

        Raises:
            ConfigError: ``users`` is not of that shape.
        """
        self._check_length(users)
        return {
            model: {name: _mean(values[users]) for name, values in mine.items()}
            for model, mine in self.per_user.items()
        }

    def by(self, labels: Any) -> dict[Any, dict[str, dict[str, float]]]:
        """The metrics of each segment of the users.

        Args:
            labels: ``[U]``, the segment of each of ``users``, such as an attribute of theirs or
                ``np.digitize(report.activity, [5, 20])``.

        Raises:
            ConfigError: there are not as many labels as users.
        """
        labels = as_ids(labels)
        self._check_length(labels)
        listed = labels.tolist()
        found = {}
        for label in dict.fromkeys(listed):
            found[label] = self.of(np.array([one == label for one in listed]))
        return found

    def intervals(
        self, metric: str, *, level: float = 0.95, samples: int = 2000, seed: int = 0
    ) -> dict[str, tuple[float, float]]:
        """For each model the bootstrap interval of a metric's mean over users; see `bootstrap`.

        Raises:
            ConfigError: users have no such metric; coverage is of a whole run.
        """
        return {
            model: bootstrap(values, groups=self._owners, level=level, samples=samples, seed=seed)
            for model, values in self._values(metric).items()
        }

    def comparisons(
        self, metric: str, *, level: float = 0.95, samples: int = 5000, seed: int = 0
    ) -> list[Comparison]:
        """Every pair of models on one metric, by paired tests over users; see `compare`.

        Raises:
            ConfigError: users have no such metric; coverage is of a whole run.
        """
        values, groups = self._values(metric), self._owners
        return compare(values, metric, groups=groups, level=level, samples=samples, seed=seed)

    def table(self, metrics: Sequence[str] | None = None) -> str:
        """A table as plain text: a line for each metric, a column for each model.

        Args:
            metrics: names such as ``"ndcg@10"``; all of them by default.

        Raises:
            ConfigError: a metric is not in the report.
        """
        values = self.metrics
        known = list(values[self.models[0]])
        for name in metrics or ():
            if name not in known:
                raise ConfigError(
                    f"The report has no metric {name!r}; it has {known}.{nearest(name, known)}"
                )
        chosen = known if metrics is None else list(metrics)
        rows = [["", *self.models]]
        rows += [[name, *(f"{values[m][name]:.4f}" for m in self.models)] for name in chosen]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, "", *self._notes()])

    def to_dict(self) -> dict[str, Any]:
        """Everything but the values of each user, ready for JSON; NaN becomes None."""
        found: dict[str, Any] = {
            "split": self.split,
            "description": self.description,
            "ks": list(self.ks),
            "counts": dict(self.counts),
            "leaks": list(self.leaks),
            "metrics": _jsonable(self.metrics),
            "seconds": dict(self.seconds),
        }
        if self.cold.any() and not self.cold.all():
            found["known_users"] = _jsonable(self.of(~self.cold))
            found["cold_users"] = _jsonable(self.of(self.cold))
        if self.rounds is not None:
            found["rounds"] = {name: _jsonable(of) for name, of in self.by(self.rounds).items()}
        return found

    @cached_property
    def _owners(self) -> np.ndarray | None:
        """The number of each row's user ``[U]``, or None where every row is another user's."""
        if self.rounds is None:
            return None
        listed = self.users.tolist()
        numbers = {user: number for number, user in enumerate(dict.fromkeys(listed))}
        return np.array([numbers[user] for user in listed])

    def _check_length(self, given: np.ndarray) -> None:
        if np.shape(given) != np.shape(self.users):
            raise ConfigError(
                f"Expected a value for each of {len(self.users):,} users; received an array of "
                f"shape {np.shape(given)}."
            )

    def _values(self, metric: str) -> dict[str, np.ndarray]:
        known = list(self.per_user[self.models[0]])
        if metric not in known:
            raise ConfigError(
                f"Users have no metric {metric!r} in the report; they have {known}."
                f"{nearest(metric, known)}"
            )
        return {model: mine[metric] for model, mine in self.per_user.items()}

    def _notes(self) -> list[str]:
        count = self.counts
        notes = [
            self.description,
            f"{count['users']:,} users, {count['relevant']:,} items to be found among "
            f"{count['catalogue']:,}.",
        ]
        if count["cold_users"]:
            notes.append(f"{count['cold_users']:,} of the users have no history.")
        if count["cold_relevant"]:
            notes.append(f"{count['cold_relevant']:,} of what is to be found was not in train.")
        if "distinct_users" in count:
            notes.append(
                f"They are {count['distinct_users']:,} different users, each with one say in "
                "intervals and tests."
            )
        if count["users_left_out"]:
            notes.append(f"{count['users_left_out']:,} users without anything new are left out.")
        return notes + [f"Leak: {leak}" for leak in self.leaks]


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _jsonable(metrics: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    return {
        model: {name: None if math.isnan(value) else value for name, value in mine.items()}
        for model, mine in metrics.items()
    }

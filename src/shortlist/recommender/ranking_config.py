"""The section [ranking] of a configuration: which ranker there is, and what it learns.

>>> tasks = {"met": {}, "stars": {"column": "rating", "loss": "squared"}}
>>> config = RankingConfig(name="multi_task", tasks=tasks, formula={"met": 1.0, "stars": 0.5})
>>> config.chosen_tasks["stars"].column
'rating'
>>> config.score_formula.to_config()
{'kind': 'product', 'weights': {'met': 1.0, 'stars': 0.5}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from shortlist.errors import ConfigError, nearest
from shortlist.recommender.schema import build, check, positive

if TYPE_CHECKING:
    from shortlist.recommender.formula import ScoreFormula

__all__ = ["RankingConfig", "TaskConfig"]

_MULTI_TASK = "multi_task"
# What the training of a recommender decides, so that no option may.
_DECIDED = ("features", "loss", "label", "tasks", "initials", "bounds", "seed")


@dataclass(frozen=True)
class TaskConfig:
    """One thing that a ranker of several tasks learns to say of a candidate.

    Attributes:
        column: of the interactions, whose values are the labels of the candidates that were met;
            null where there is none. None: whether a candidate was met at all, 1 or 0.
        at_least: makes labels 1 and 0 of the column: whether a value is so large.
        loss: ``"binary"`` for labels from 0 to 1, ``"squared"`` for numbers.
        weight: of its loss in the sum.
    """

    column: str | None = None
    at_least: float | None = None
    loss: Literal["binary", "squared"] = "binary"
    weight: float = 1.0


@dataclass(frozen=True)
class RankingConfig:
    """The ranker that re-orders what retrieval found.

    Attributes:
        enabled: false leaves it out.
        name: one of `shortlist.ranking.RANKERS`.
        options: those of that ranker's class.
        features: ``"signals"``, what is worked out of a candidate; ``"all"``, and what the towers
            read of user and item; None: ``"all"`` for "din", which reads the history.
        pool: how many candidates are retrieved and ranked.
        epochs: passes over the lists it learns from.
        learning_rate: AdamW's, at the start; it falls along a cosine.
        tasks: what a ranker of several tasks learns, by name; see `TaskConfig`.
        formula: the tasks whose scores count, with their weights; empty: all of them, with 1.
        combine: ``"product"`` of powers or weighted ``"sum"``; see `ScoreFormula`.
    """

    enabled: bool = True
    name: str = "mlp"
    options: Mapping[str, Any] = field(default_factory=dict)
    features: Literal["signals", "all"] | None = None
    pool: int = 200
    epochs: int = 12
    learning_rate: float = 0.003
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    formula: Mapping[str, float] = field(default_factory=dict)
    combine: Literal["product", "sum"] = "product"

    def __post_init__(self) -> None:
        positive("ranking", "pool", self.pool)
        positive("ranking", "epochs", self.epochs)
        positive("ranking", "learning_rate", self.learning_rate)
        self._check_name()
        for key in self.options:
            if key in _DECIDED:
                raise ConfigError(
                    f"`options` in [ranking] may not hold {key!r}, which the training decides. "
                    "Leave it out."
                )
        for name, task in self.chosen_tasks.items():
            positive(f"ranking.tasks.{name}", "weight", task.weight)
            without = task.column is None and (task.at_least is not None or task.loss != "binary")
            expected = "the column that `at_least` and `loss` are about"
            check(f"ranking.tasks.{name}", "column", task.column, not without, expected)
        for name, weight in self.formula.items():
            if name not in self.tasks:
                raise ConfigError(
                    f"`formula` in [ranking] names the task {name!r}, which is not in "
                    f"[ranking.tasks]; there are {[*self.tasks]}.{nearest(name, self.tasks)}"
                )
            check("ranking", "formula", weight, abs(weight) < float("inf"), "finite weights")

    def _check_name(self) -> None:
        from shortlist.ranking.registry import RANKERS  # noqa: PLC0415  (not needed by all)

        known = ", ".join(RANKERS)
        hint = nearest(self.name, RANKERS)
        if self.name not in RANKERS:
            raise ConfigError(
                f"`name` in [ranking] expected one of {known}; received {self.name!r}.{hint}"
            )
        if bool(self.tasks) != (self.name == _MULTI_TASK):
            raise ConfigError(
                f"[ranking] expected tasks and `name = {_MULTI_TASK!r}` together; received name="
                f"{self.name!r} and the tasks {[*self.tasks]}. Give [ranking.tasks.NAME] a table "
                "for each task, or choose another ranker."
            )
        if self.name == "din" and self.features == "signals":
            raise ConfigError(
                "`features` in [ranking] expected 'all' for the ranker 'din', which reads the "
                "user's history; received 'signals'. Leave it out."
            )

    @property
    def reads_all(self) -> bool:
        """Whether the ranker is told what the towers read, besides the signals."""
        return self.features == "all" or (self.features is None and self.name == "din")

    @property
    def chosen_tasks(self) -> dict[str, TaskConfig]:
        """The tasks, checked.

        Raises:
            ConfigError: a key is unknown or a value of the wrong kind.
        """
        return {
            name: build(TaskConfig, table, f"ranking.tasks.{name}")
            for name, table in self.tasks.items()
        }

    @property
    def score_formula(self) -> ScoreFormula:
        """How the tasks' scores become one."""
        from shortlist.recommender.formula import ScoreFormula  # noqa: PLC0415  (loads polars)

        return ScoreFormula(self.formula or dict.fromkeys(self.tasks, 1.0), self.combine)

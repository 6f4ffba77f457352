"""The section [split] of a configuration: how the test part is held out.

>>> SplitConfig(method="windows", windows=2, test=0.1).expanding
True
>>> SplitConfig(fold_in=0.5)
Traceback (most recent call last):
    ...
shortlist.errors.ConfigError: `fold_in` in [split] goes with `method = 'held-out-users'`;...
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from shortlist.errors import ConfigError
from shortlist.recommender.schema import check, positive

__all__ = ["SplitConfig"]

# What is said of one method alone.
_ONLY = {
    "windows": "windows",
    "expanding": "windows",
    "fold_in": "held-out-users",
    "folds": "folds",
}


@dataclass(frozen=True)
class SplitConfig:
    """How the test part is held out.

    Attributes:
        method: ``"time"`` cuts the whole set at one moment; ``"windows"`` does so several times,
            each after training anew; ``"user-time"`` holds out each user's last part,
            ``"last-out"`` each user's last event, ``"held-out-users"`` whole users, who are asked
            about by a part of what they did; ``"folds"`` are those that come with the data set;
            ``"random"`` and ``"user-random"`` leak and warn.
        test: the share of events held out for the test; of each window; or of the users.
        seed: of the methods that draw at random.
        windows: how many stretches of time, for ``"windows"``.
        expanding: for ``"windows"``, whether to train on everything before a window; false trains
            on as many events as there are before the first.
        fold_in: for ``"held-out-users"``, the share of such a user's events that is the history.
        folds: for ``"folds"``, which of them; None takes all.
    """

    method: Literal[
        "time",
        "windows",
        "user-time",
        "last-out",
        "held-out-users",
        "folds",
        "random",
        "user-random",
    ] = "time"
    test: float = 0.2
    seed: int = 42
    windows: int = 3
    expanding: bool = True
    fold_in: float = 0.8
    folds: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check("split", "test", self.test, 0.0 < self.test < 1.0, "a share between 0 and 1")
        check("split", "seed", self.seed, self.seed >= 0, "a whole number from 0 up")
        positive("split", "windows", self.windows)
        check("split", "fold_in", self.fold_in, 0.0 < self.fold_in < 1.0, "a share between 0 and 1")
        for part in dataclasses.fields(self):
            wanted = _ONLY.get(part.name, self.method)
            if wanted != self.method and getattr(self, part.name) != part.default:
                raise ConfigError(
                    f"`{part.name}` in [split] goes with `method = {wanted!r}`; received it with "
                    f"`method = {self.method!r}`. Leave it out, or change the method."
                )
        tested = self.windows * self.test
        if self.method == "windows" and tested >= 1.0:
            raise ConfigError(
                f"[split] leaves nothing to train on before the first window: {self.windows} "
                f"`windows` of {self.test:g} (`test`) are {tested:.0%} of all events. Expected "
                "less than 100%; take fewer or smaller ones."
            )
        if self.folds is not None:
            distinct = len(self.folds) == len(set(self.folds)) > 0
            check("split", "folds", list(self.folds), distinct, "at least one fold, each once")

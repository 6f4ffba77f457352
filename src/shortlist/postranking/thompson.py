"""`BetaThompson`: showing what may well be the best, by how much is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._greedy import front
from shortlist.postranking._random import generators
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["BetaThompson"]


@final
@dataclass(frozen=True, kw_only=True)
class BetaThompson(PostRanker):
    """Thompson sampling (Thompson 1933; Chapelle and Li 2011) of success rates.

    What is known of an item's rate is the distribution ``Beta(prior_successes + successes,
    prior_failures + trials - successes)``. For each list ``samples`` possible worlds are drawn, a
    rate for each item in each. Each of the first ``context.k`` places then goes to the item with
    the highest rate, among those left, in one world picked by chance. So the propensity of an item,
    in ``Context.propensities["beta_thompson"]``, is the share of the worlds in which it is highest.

    The rates alone decide; the scores have decided what is in the pool. Items of which nothing is
    known have the prior alone, and are counted.

    Args:
        successes: the items' column of successes, such as clicks.
        trials: the items' column of trials, such as impressions.
        prior_successes: above 0; 1 and 1 for a prior that is level.
        prior_failures: above 0.
        samples: how many worlds are drawn, at least 1. Propensities are multiples of ``1/samples``.

    Raises:
        ConfigError: a prior is not positive or ``samples`` no positive integer; on use, an item
            has more successes than trials.

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [1, 2], "clicks": [90, 10], "shown": [10_000, 100]})
    >>> pool = Ranked(np.array([[1, 2]]), np.array([[2.0, 1.0]]), np.ones((1, 2)))
    >>> context = Context(Queries.of(["anna"]), k=2, items=items)
    >>> BetaThompson(successes="clicks", trials="shown")(pool, context).lists()
    [[2, 1]]
    """

    successes: str
    trials: str
    prior_successes: float = 1.0
    prior_failures: float = 1.0
    samples: int = 200
    name: ClassVar[str] = "beta_thompson"
    stage: ClassVar[Stage] = Stage.EXPLORATION

    def __post_init__(self) -> None:
        for option in ("prior_successes", "prior_failures"):
            value = getattr(self, option)
            if not (value > 0 and np.isfinite(value)):
                raise ConfigError(f"Expected a positive {option}; received {value!r}.")
        if type(self.samples) is not int or self.samples <= 0:
            raise ConfigError(f"Expected samples to be a positive integer; got {self.samples!r}.")

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return "to explore what may well be the best"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Draw worlds, and a world for each place."""
        won, lost = self._known(ranked, context)
        k = min(context.k, ranked.k)
        chosen = np.zeros((len(ranked), k), dtype=np.int64)
        propensities = np.full(ranked.ids.shape, np.nan)
        random = generators(context.queries, context.seed, self.name)
        for row, size in enumerate(ranked.valid.sum(axis=1).tolist()):
            worlds = random[row].beta(won[row, :size], lost[row, :size], (self.samples, size))
            picks = random[row].integers(0, self.samples, k)
            for place in range(min(k, size)):
                best = np.argmax(worlds, axis=1)
                column = best[picks[place]]
                chosen[row, place] = column
                propensities[row, place] = np.mean(best == column)
                worlds[:, column] = -1.0
        context.propensities[self.name] = propensities
        return front(ranked, chosen)

    def _known(self, ranked: Ranked, context: Context) -> tuple[np.ndarray, np.ndarray]:
        """The two parameters of each item's distribution ``[B, K]``."""
        table = context.table(self)
        successes, trials = table.numbers(self.successes), table.numbers(self.trials)
        wrong = np.flatnonzero((successes < 0) | (successes > trials))
        if len(wrong):
            item = table.frame["item"][int(wrong[0])]
            raise ConfigError(
                f"Expected {self.successes!r} from 0 to {self.trials!r}; item {item!r} has "
                f"{successes[wrong[0]]:g} of {trials[wrong[0]]:g}."
            )
        places = table.places(ranked.ids)
        known = np.isfinite(successes[places]) & np.isfinite(trials[places])
        missing = ~known & ranked.valid
        if missing.any():
            context.counts[f"{self.name}: items without trials"] += int(missing.sum())
        won = np.where(known, successes[places], 0.0)
        lost = np.where(known, trials[places] - successes[places], 0.0)
        return won + self.prior_successes, lost + self.prior_failures

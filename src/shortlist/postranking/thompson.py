"""Thompson sampling: showing what may well be the best, by how much is known of it.

For each list a number of possible worlds is drawn, in each of which every item has a worth. Each of
the first places then goes to the item that is worth most, among those left, in one world picked by
chance. So the propensity of an item for a place is the share of the worlds in which it is highest,
and these sum to 1 (Thompson 1933; Chapelle and Li 2011).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.ids import as_ids
from shortlist.postranking._greedy import front
from shortlist.postranking._random import generators
from shortlist.postranking._scale import relevance
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["BetaThompson", "LinearThompson"]


@final
@dataclass(frozen=True, kw_only=True)
class BetaThompson(PostRanker):
    """Thompson sampling of success rates, the same for all users.

    What is known of an item's rate is the distribution ``Beta(prior_successes + successes,
    prior_failures + trials - successes)``; a world holds a rate drawn for each item. The rates
    alone decide; the scores have decided what is in the pool. Items of which nothing is known have
    the prior alone, and are counted. Propensities are in ``Context.propensities["beta_thompson"]``.

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
        _check_samples(self.samples)

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return "to explore what may well be the best"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Draw worlds, and a world for each place."""
        won, lost = self._known(ranked, context)

        def worlds(row: int, size: int, draw: np.random.Generator) -> np.ndarray:
            return draw.beta(won[row, :size], lost[row, :size], (self.samples, size))

        return _sample(self, ranked, context, worlds)

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


@final
@dataclass(frozen=True, kw_only=True)
class LinearThompson(PostRanker):
    """Thompson sampling around a model's scores, by what a user's history leaves open.

    A Bayesian last layer: the worth of item ``i`` is ``r_i + v_i . w`` with ``r_i`` the score moved
    to ``[0, 1]`` in each list, ``v_i`` the item's vector at length 1, and ``w`` drawn from ``N(0,
    scale^2 A^-1)`` where ``A = prior * I + sum of v_j v_j^T over the history`` (Agrawal and Goyal
    2013). In directions the user has been shown to go, little is left open; in new ones ``v_i . w``
    spreads by ``scale / sqrt(prior)``. Items without a vector keep to their score. Propensities are
    in ``Context.propensities["linear_thompson"]``.

    Args:
        scale: how far worths may stray, at least 0.
        prior: the weight of knowing nothing, above 0: that of so many items of the history.
        samples: how many worlds are drawn, at least 1. Propensities are multiples of ``1/samples``.

    Raises:
        ConfigError: an option is not as it should be.

    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([[1, 2]]), np.array([[2.0, 1.0]]), np.ones((1, 2)))
    >>> context = Context(Queries.of(["anna"]), k=2, vectors=lambda ids: np.eye(3)[ids])
    >>> LinearThompson(scale=0.0)(pool, context).lists()
    [[1, 2]]
    """

    scale: float = 0.2
    prior: float = 1.0
    samples: int = 200
    name: ClassVar[str] = "linear_thompson"
    stage: ClassVar[Stage] = Stage.EXPLORATION

    def __post_init__(self) -> None:
        if not (self.scale >= 0 and np.isfinite(self.scale)):
            raise ConfigError(f"Expected a scale of at least 0; received {self.scale!r}.")
        if not (self.prior > 0 and np.isfinite(self.prior)):
            raise ConfigError(f"Expected a positive prior; received {self.prior!r}.")
        _check_samples(self.samples)

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"to explore what the history leaves open (scale {self.scale:g})"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Draw worlds, and a world for each place."""
        gains = relevance(ranked)

        def worlds(row: int, size: int, draw: np.random.Generator) -> np.ndarray:
            mine = context.unit_vectors(ranked.rows(row, row + 1), self)[0, :size]
            met = as_ids(context.queries.history[row])[None]
            past = Ranked(met, np.zeros(met.shape), np.ones(met.shape))
            seen = context.unit_vectors(past, self)[0].astype(np.float64)
            precision = self.prior * np.eye(mine.shape[1])
            if met.size:
                precision += seen.T @ seen
            # With A = L L^T and z standard normal, the solution of L^T w = z has covariance A^-1.
            normal = draw.standard_normal((mine.shape[1], self.samples))
            weights = np.linalg.solve(np.linalg.cholesky(precision).T, normal)
            return gains[row, :size] + self.scale * (mine @ weights).T

        return _sample(self, ranked, context, worlds)


def _sample(
    asker: PostRanker,
    ranked: Ranked,
    context: Context,
    worlds: Callable[[int, int, np.random.Generator], np.ndarray],
) -> Ranked:
    """Fill the first places from ``worlds`` ``[samples, size]`` of each list; log propensities."""
    k = min(context.k, ranked.k)
    chosen = np.zeros((len(ranked), k), dtype=np.int64)
    propensities = np.full(ranked.ids.shape, np.nan)
    random = generators(context.queries, context.seed, asker.name)
    for row, size in enumerate(ranked.valid.sum(axis=1).tolist()):
        if not size:
            continue
        worths = worlds(row, size, random[row])
        picks = random[row].integers(0, len(worths), k)
        for place in range(min(k, size)):
            best = np.argmax(worths, axis=1)
            column = best[picks[place]]
            chosen[row, place] = column
            propensities[row, place] = np.mean(best == column)
            worths[:, column] = -np.inf
    context.propensities[asker.name] = propensities
    return front(ranked, chosen)


def _check_samples(samples: int) -> None:
    if type(samples) is not int or samples <= 0:
        raise ConfigError(f"Expected samples to be a positive integer; received {samples!r}.")

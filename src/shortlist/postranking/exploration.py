"""Exploration: showing what one is not sure of, with a record of how likely each choice was.

Each post-ranker writes the propensities of its choices into ``Context.propensities`` under its
name: ``[B, K]``, for each place the probability with which the item that stands there was chosen
for it, given the places above; NaN where nothing was chosen at random. The probability of a whole
list is their product. `shortlist.postranking.offpolicy` makes use of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._greedy import front
from shortlist.postranking._random import generators
from shortlist.postranking._scale import relevance
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["EpsilonGreedy", "PlackettLuce"]


@final
@dataclass(frozen=True, kw_only=True)
class EpsilonGreedy(PostRanker):
    """Gives each of the first ``context.k`` places, with probability ``epsilon``, to any item left.

    Otherwise the highest item left gets it. With ``n`` items left the propensity of an item is
    ``epsilon / n``, and ``1 - epsilon`` more for the highest one.

    Args:
        epsilon: in [0, 1].

    Raises:
        ConfigError: ``epsilon`` is not in [0, 1].

    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([[1, 2, 3]]), np.array([[3.0, 2.0, 1.0]]), np.ones((1, 3)))
    >>> context = Context(Queries.of(["anna"]), k=2)
    >>> EpsilonGreedy(epsilon=0.0)(pool, context).lists()
    [[1, 2, 3]]
    >>> context.propensities["epsilon_greedy"]
    array([[ 1.,  1., nan]])
    """

    epsilon: float = 0.05
    name: ClassVar[str] = "epsilon_greedy"
    stage: ClassVar[Stage] = Stage.EXPLORATION

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon <= 1:
            raise ConfigError(f"Expected epsilon in [0, 1]; received {self.epsilon!r}.")

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"to explore (epsilon {self.epsilon:g})"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Draw place by place."""
        k = min(context.k, ranked.k)
        chosen = np.zeros((len(ranked), k), dtype=np.int64)
        propensities = np.full(ranked.ids.shape, np.nan)
        sizes = ranked.valid.sum(axis=1).tolist()
        random = generators(context.queries, context.seed, self.name)
        for row, (size, draw) in enumerate(zip(sizes, random, strict=True)):
            left = list(range(size))
            coins, picks = draw.random(k).tolist(), draw.random(k).tolist()
            for place in range(min(k, size)):
                n = len(left)
                pick = int(picks[place] * n) if coins[place] < self.epsilon else 0
                propensities[row, place] = self.epsilon / n + (1 - self.epsilon) * (pick == 0)
                chosen[row, place] = left.pop(pick)
        context.propensities[self.name] = propensities
        return front(ranked, chosen)


@final
@dataclass(frozen=True, kw_only=True)
class PlackettLuce(PostRanker):
    """Draws the first ``context.k`` places one by one, without return, by the softmax of relevance.

    An item left is chosen with probability ``exp(r_i / temperature) / sum over those left``, with
    ``r`` the score moved to ``[0, 1]`` in each list (Plackett 1975, Luce 1959). Done by adding
    Gumbel noise and sorting, which is the same (Kool et al. 2019).

    Args:
        temperature: towards 0 the order of relevance, large for any order.

    Raises:
        ConfigError: ``temperature`` is not positive.

    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([[1, 2, 3]]), np.array([[1.0, 1.0, 1.0]]), np.ones((1, 3)))
    >>> context = Context(Queries.of(["anna"]), k=2)
    >>> sorted(PlackettLuce()(pool, context).lists()[0])
    [1, 2, 3]
    >>> context.propensities["plackett_luce"].round(3)
    array([[0.333, 0.5  ,   nan]])
    """

    temperature: float = 0.1
    name: ClassVar[str] = "plackett_luce"
    stage: ClassVar[Stage] = Stage.EXPLORATION

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and np.isfinite(self.temperature)):
            raise ConfigError(f"Expected a positive temperature; received {self.temperature!r}.")

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"to explore (temperature {self.temperature:g})"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Add noise, sort, and work out the propensities."""
        k = min(context.k, ranked.k)
        logits = np.where(ranked.valid, relevance(ranked) / self.temperature, -np.inf)
        random = generators(context.queries, context.seed, self.name)
        noise = np.stack([draw.gumbel(size=ranked.k) for draw in random])
        chosen = np.argsort(-(logits + noise), axis=1, kind="stable")
        ordered = np.take_along_axis(logits, chosen, axis=1)
        # For each place the log of the sum over what is left, from the end of the list forward.
        left = np.logaddexp.accumulate(ordered[:, ::-1], axis=1)[:, ::-1]
        with np.errstate(invalid="ignore"):
            propensities = np.exp(ordered - left)
        propensities[np.take_along_axis(~ranked.valid, chosen, axis=1)] = np.nan
        propensities[:, k:] = np.nan
        context.propensities[self.name] = propensities
        return front(ranked, chosen[:, :k])

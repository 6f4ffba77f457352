"""`Calibrated`: interests in proportion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._greedy import choose, front
from shortlist.postranking._interests import count_unknown, interests, shares
from shortlist.postranking._scale import relevance
from shortlist.postranking._spread import check_trade_off
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["Calibrated"]


@final
@dataclass(frozen=True, kw_only=True)
class Calibrated(PostRanker):
    """Calibrated recommendations (Steck 2018): what the user likes, in the shares they like it.

    Fills the first ``context.k`` places one by one so that ``trade_off * sum of relevance -
    (1 - trade_off) * k * KL(p || q)`` of the list is as large as the greedy search can make it.
    ``p`` is the share of each value of an attribute in the user's history and ``q`` that in the
    list, mixed with a little of ``p``: ``(1 - smoothing) q + smoothing p``. Shares in the list are
    of ``k`` from the first place on, so each place adds to the sum and less the more there is: it
    reaches at least 63 % of the best possible gain (Nemhauser et al. 1978). Relevance is the score
    moved to ``[0, 1]`` in each list. The rest of the pool follows in its order; items keep their
    scores.

    A user without a history keeps the order of relevance, and is counted.

    Args:
        column: the attribute: a column of the items' table, plain or of lists.
        trade_off: 1 keeps the order of relevance, 0 looks at the shares alone.
        smoothing: in (0, 1), so that a value that is not in the list costs much but not everything.

    Raises:
        ConfigError: ``trade_off`` is not in [0, 1] or ``smoothing`` not in (0, 1).

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [1, 2, 3], "genre": ["a", "a", "b"]})
    >>> pool = Ranked(np.array([[1, 2, 3]]), np.array([[1.0, 0.9, 0.0]]), np.ones((1, 3)))
    >>> context = Context(Queries.of(["anna"], history=[[2, 3]]), k=2, items=items)
    >>> Calibrated(column="genre", trade_off=0.5)(pool, context).lists()
    [[1, 3, 2]]
    """

    column: str
    trade_off: float = 0.5
    smoothing: float = 0.01
    name: ClassVar[str] = "calibrated"
    stage: ClassVar[Stage] = Stage.DIVERSITY

    def __post_init__(self) -> None:
        check_trade_off(self.trade_off)
        if not 0 < self.smoothing < 1:
            raise ConfigError(f"Expected smoothing in (0, 1); received {self.smoothing!r}.")

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"to keep the user's shares of {self.column} (trade_off {self.trade_off:g})"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Choose the first places greedily."""
        table, k = context.table(self), min(context.k, ranked.k)
        codes, _ = table.codes(self.column)
        wanted = interests(context.queries, table, self.column)
        count_unknown(context, self, wanted)
        # A last column, to which code -1 leads, for places without a value.
        wanted = np.pad(wanted, ((0, 0), (0, 1)))
        mine = codes[table.places(ranked.ids)]
        sizes = (mine >= 0).sum(axis=2)
        rows, weights = np.arange(len(ranked)), shares(mine)
        served = np.zeros_like(wanted)
        # What an item adds depends on a value and on how many values it has, so there are few
        # different amounts; they are worked out once a round and looked up for all items.
        per_size = np.append(0.0, 1.0 / np.arange(1, mine.shape[2] + 1))

        def bonus() -> np.ndarray:
            before = (1 - self.smoothing) * served / k + self.smoothing * wanted
            # Values the user does not want add nothing, whatever they are divided by.
            before = np.where(wanted > 0, before, 1.0)[:, :, None]
            more = (1 - self.smoothing) * per_size / k
            added = wanted[:, :, None] * np.log1p(more / before)
            found = added[rows[:, None, None], mine, sizes[:, :, None]].sum(axis=2)
            return (1 - self.trade_off) * k * found

        def after(best: np.ndarray) -> np.ndarray:
            gains[rows, best] = -np.inf
            served[rows[:, None], mine[rows, best]] += weights[rows, best][:, None]
            return gains + bonus()

        gains = np.where(ranked.valid, self.trade_off * relevance(ranked), -np.inf)
        return front(ranked, choose(gains + bonus(), k, after))

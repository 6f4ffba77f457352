"""`XQuAD`: something for each of the user's interests."""

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

__all__ = ["XQuAD"]


@final
@dataclass(frozen=True, kw_only=True)
class XQuAD(PostRanker):
    """Explicit query aspect diversification (Santos et al. 2010) over the values of an attribute.

    Fills the first ``context.k`` places one by one with the item for which ``trade_off *
    relevance + (1 - trade_off) * sum over values a of P(a|u) c(i, a) prod over the placed j of
    (1 - c(j, a))`` is largest: a value that has been served well adds little more. Relevance is
    the score moved to ``[0, 1]`` in each list. ``P(a|u)`` is the share of the value in the user's
    history, all values alike where there is no history (counted). ``c(i, a)`` is ``strength`` over
    the number of the item's values, 0 if it does not have ``a``. The rest of the pool follows in
    its order; items keep their scores.

    Args:
        column: the attribute: a column of the items' table, plain or of lists.
        trade_off: 1 keeps the order of relevance, 0 looks at coverage alone.
        strength: how far one item of a single value satisfies the interest in it, in (0, 1].

    Raises:
        ConfigError: ``trade_off`` is not in [0, 1] or ``strength`` not in (0, 1].

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [1, 2, 3], "genre": ["a", "a", "b"]})
    >>> pool = Ranked(np.array([[1, 2, 3]]), np.array([[1.0, 0.9, 0.0]]), np.ones((1, 3)))
    >>> context = Context(Queries.of(["anna"], history=[[2, 3]]), k=2, items=items)
    >>> XQuAD(column="genre", trade_off=0.1)(pool, context).lists()
    [[1, 3, 2]]
    """

    column: str
    trade_off: float = 0.7
    strength: float = 0.5
    name: ClassVar[str] = "xquad"
    stage: ClassVar[Stage] = Stage.DIVERSITY

    def __post_init__(self) -> None:
        check_trade_off(self.trade_off)
        if not 0 < self.strength <= 1:
            raise ConfigError(f"Expected strength in (0, 1]; received {self.strength!r}.")

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"to serve more of the user's {self.column} (trade_off {self.trade_off:g})"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Choose the first places greedily."""
        table = context.table(self)
        codes, values = table.codes(self.column)
        wanted = interests(context.queries, table, self.column)
        wanted[count_unknown(context, self, wanted)] = 1.0 / max(len(values), 1)
        # A last column, to which code -1 leads, for places without a value.
        wanted = np.pad(wanted, ((0, 0), (0, 1)))
        mine = codes[table.places(ranked.ids)]
        covers = self.strength * shares(mine)
        rows = np.arange(len(ranked))

        def bonus() -> np.ndarray:
            return (1 - self.trade_off) * covers * wanted[rows[:, None, None], mine].sum(axis=2)

        def after(best: np.ndarray) -> np.ndarray:
            gains[rows, best] = -np.inf
            served = mine[rows, best]
            wanted[rows[:, None], served] *= 1.0 - covers[rows, best][:, None]
            return gains + bonus()

        gains = np.where(ranked.valid, self.trade_off * relevance(ranked), -np.inf)
        return front(ranked, choose(gains + bonus(), min(context.k, ranked.k), after))

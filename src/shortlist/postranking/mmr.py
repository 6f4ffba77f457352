"""`MMR`: relevant, and unlike what stands above."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.postranking._greedy import best, choose, places_of
from shortlist.postranking._scale import relevance
from shortlist.postranking._spread import check_trade_off, spread
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["MMR"]

# After so many rounds all but so many items for each place are set aside, if the pool is so many
# times larger than that.
_FIRST, _WIDTH, _WORTHWHILE = 8, 3, 1.5


@final
@dataclass(frozen=True, kw_only=True)
class MMR(PostRanker):
    """Maximal marginal relevance (Carbonell and Goldstein 1998).

    Fills the first ``context.k`` places one by one with the item for which
    ``trade_off * relevance - (1 - trade_off) * likeness`` is largest. Relevance is the score moved
    to ``[0, 1]``: the best item of a list has 1, its worst 0 (all have 1 where all scores are
    equal). Likeness is the largest cosine to an item already placed, 0 for the first one and for
    items without a vector. Of equal values the item that stood higher wins. The rest of the pool
    follows in its order; items keep their scores.

    Args:
        trade_off: lambda in the paper: 1 keeps the order of relevance, 0 looks at likeness alone.

    Raises:
        ConfigError: ``trade_off`` is not in [0, 1].

    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([[1, 2, 3]]), np.array([[1.0, 0.9, 0.0]]), np.ones((1, 3)))
    >>> vectors = {1: [1.0, 0.0], 2: [1.0, 0.1], 3: [0.0, 1.0]}
    >>> context = Context(
    ...     Queries.of(["anna"]), k=2, vectors=lambda ids: np.array([vectors[i] for i in ids])
    ... )
    >>> MMR(trade_off=0.5)(pool, context).lists()
    [[1, 3, 2]]
    """

    trade_off: float = 0.7
    name: ClassVar[str] = "mmr"
    stage: ClassVar[Stage] = Stage.DIVERSITY

    def __post_init__(self) -> None:
        check_trade_off(self.trade_off)

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"to be less like what stands above (trade_off {self.trade_off:g})"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Choose the first places greedily."""
        return spread(self, ranked, context, self._gains, self._choose)

    def _gains(self, ranked: Ranked) -> np.ndarray:
        return self.trade_off * relevance(ranked)

    def _choose(self, gains: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
        """The columns ``[B, k]`` in the order they are chosen."""
        gains, width = gains.astype(np.float32), _WIDTH * k
        if k <= 2 * _FIRST or _WORTHWHILE * width > gains.shape[1]:
            return self._whole(gains, vectors, k)
        # What items are worth only falls. So after some rounds the rest is chosen from those that
        # are worth most, and is right as long as it stays above all that were left out.
        left, values = gains.copy(), np.full(gains.shape, np.inf, dtype=np.float32)
        after = self._fall(left, values, vectors)
        first = choose(left, _FIRST, after)
        after(first[:, -1])
        columns, highest = best(values, width)
        left, values = (np.take_along_axis(array, columns, axis=1) for array in (left, values))
        points = vectors.reshape(-1, vectors.shape[-1])
        near = points.take(columns + gains.shape[1] * np.arange(len(gains))[:, None], axis=0)
        rest = choose(values, k - _FIRST, self._fall(left, values, near))
        least = np.take_along_axis(values, rest[:, -1:], axis=1)[:, 0]
        chosen = np.hstack([first, np.take_along_axis(columns, rest, axis=1)])
        missed = (least <= highest) & np.isfinite(highest)
        if missed.any():
            chosen[missed] = self._whole(gains[missed], vectors[missed], k)
        return chosen

    def _whole(self, gains: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
        """As `_choose`, looking at every item in every round; ``gains`` is used up."""
        values = np.full(gains.shape, np.inf, dtype=np.float32)
        return choose(gains, k, self._fall(gains, values, vectors))

    def _fall(
        self, gains: np.ndarray, values: np.ndarray, vectors: np.ndarray
    ) -> Callable[[np.ndarray], np.ndarray]:
        """From the columns just chosen to ``values``, which fall to what items are worth then."""
        starts, flat = places_of(gains), gains.reshape(-1)
        points, weight = vectors.reshape(-1, vectors.shape[-1]), np.float32(self.trade_off - 1)
        beside = np.empty((*gains.shape, 1), dtype=np.float32)

        def after(columns: np.ndarray) -> np.ndarray:
            places = starts + columns
            flat[places] = -np.inf
            mine = points.take(places, axis=0)
            mine *= weight
            np.matmul(vectors, mine[..., None], out=beside)
            sums = beside[..., 0]
            sums += gains
            return np.minimum(values, sums, out=values)

        return after

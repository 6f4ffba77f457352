"""`DPP`: a set whose items span much, by a determinantal point process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._greedy import choose, places_of
from shortlist.postranking._residuals import SMALLEST, Fill, columns_of, product, residuals
from shortlist.postranking._scale import relevance
from shortlist.postranking._spread import check_trade_off, check_window, search_first, spread
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["DPP"]

# The largest logarithm of a ratio of two weights, and that of a weight that is nothing: twice the
# first is within the range of numbers and twice the second is far below it.
_RANGE, _NOTHING = 300.0, 1e4
# The columns that are tried first: at least so many for each place, and all of more than a weight.
# With a window less is taken from what items are worth, so that heavier ones remain.
_GUESS, _LIGHT, _LIGHT_IN_WINDOW = 2, 0.25, 0.35


@final
@dataclass(frozen=True, kw_only=True)
class DPP(PostRanker):
    """Greedy maximum a posteriori inference of a determinantal point process (Chen et al. 2018).

    Fills the first ``context.k`` places one by one so that ``trade_off * sum of relevance +
    (1 - trade_off) * log det K`` of the chosen items grows most. Relevance is the score moved to
    ``[0, 1]`` in each list. The kernel is that of Wilhelm et al. (2018) on vectors of length 1,
    ``K_ij = exp(-|v_i - v_j|^2 / (2 sigma^2))``; an item without a vector is like itself alone.
    Of equal values the item that stood higher wins. The rest of the pool follows in its order;
    items keep their scores.

    Args:
        trade_off: 1 keeps the order of relevance, 0 looks at diversity alone.
        sigma: the distance within which items count as alike; vectors of length 1 are at most 2
            apart.
        window: how many items in a row, the new one included, are to differ; None for all.

    Raises:
        ConfigError: ``trade_off`` is not in [0, 1], ``sigma`` not positive or ``window`` below 2.

    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([[1, 2, 3]]), np.array([[1.0, 0.9, 0.0]]), np.ones((1, 3)))
    >>> vectors = {1: [1.0, 0.0], 2: [1.0, 0.1], 3: [0.0, 1.0]}
    >>> context = Context(
    ...     Queries.of(["anna"]), k=2, vectors=lambda ids: np.array([vectors[i] for i in ids])
    ... )
    >>> DPP(trade_off=0.5)(pool, context).lists()
    [[1, 3, 2]]
    """

    trade_off: float = 0.8
    sigma: float = 1.0
    window: int | None = None
    name: ClassVar[str] = "dpp"
    stage: ClassVar[Stage] = Stage.DIVERSITY

    def __post_init__(self) -> None:
        check_trade_off(self.trade_off)
        if not self.sigma > 0:
            raise ConfigError(f"Expected a positive sigma; received {self.sigma!r}.")
        check_window(self.window)

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"to span more together with what stands above (trade_off {self.trade_off:g})"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Choose the first places greedily."""
        return spread(self, ranked, context, self._gains, self._choose)

    def _gains(self, ranked: Ranked) -> np.ndarray:
        return self.trade_off * relevance(ranked)

    def _choose(self, gains: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
        """The columns ``[B, k]`` in the order they are chosen."""
        if self.trade_off == 1:
            return np.argsort(-gains, axis=1, kind="stable")[:, :k]
        width = gains.shape[1]
        if self._weighted:
            # An item is never worth more than its weight, and those of little weight rarely count.
            light = _LIGHT if self.window is None else _LIGHT_IN_WINDOW
            width = max(_GUESS * k, int((self._most(gains) > light).sum(axis=1).max()))
        return search_first(self._search, gains, vectors, k, width, self._most)

    @property
    def _weighted(self) -> bool:
        """Whether the weights are within the range of numbers."""
        return self.trade_off / (1 - self.trade_off) <= _RANGE

    def _most(self, gains: np.ndarray) -> np.ndarray:
        """The weights, which are the most that items can be worth; -inf where none stands."""
        there = np.isfinite(gains)
        return np.where(there, np.exp((gains - self.trade_off) / (1 - self.trade_off)), -np.inf)

    def _search(
        self, gains: np.ndarray, vectors: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The columns chosen in one list or in several, and the least that one was worth then."""
        window = None if self.window is None else self.window - 1
        share, starts = 1 - self.trade_off, places_of(gains)
        # The greatest t r + (1 - t) log residual is the greatest exp(t r / (1 - t)) residual, and
        # the residuals of a kernel that has each item's weight in it are these at once. So no
        # logarithms are needed as long as the weights are within the range of numbers.
        weighted = self._weighted
        logs = np.maximum((gains - self.trade_off) / share, -_NOTHING) if weighted else 0.0 * gains
        there = np.isfinite(gains)
        weights = np.where(there, np.exp(logs), 1.0)
        left = residuals(self._kernel(logs / 2, vectors), weights, k, window)
        least = np.where(there, SMALLEST * weights, -np.inf)
        left.values[~there] = -np.inf
        values = left.values.copy() if weighted else gains
        flat, flat_least, flat_gains, flat_values = (
            x.reshape(-1) for x in (left.values, least, gains, values)
        )
        worths = []

        def after(columns: np.ndarray) -> np.ndarray:
            places = starts + columns
            worths.append(flat_values[places])
            left.choose(columns)
            if weighted:
                flat[places] = flat_least[places] = -np.inf
                return np.maximum(left.values, least, out=values)
            flat_gains[places] = -np.inf
            return gains + share * np.log(np.maximum(left.values, SMALLEST))

        chosen = choose(values, k, after)
        worths.append(flat_values[starts + chosen[..., -1]])
        return chosen, np.min(worths, axis=0)

    def _kernel(self, logs: np.ndarray, vectors: np.ndarray) -> Fill:
        """The rows of ``exp(logs_i + logs_j - |v_i - v_j|^2 / (2 sigma^2))``."""
        *lists, width, dim = vectors.shape
        # Two more coordinates make one product of vectors the whole exponent.
        points = np.empty((*lists, dim + 2, width))
        np.multiply(vectors.swapaxes(-1, -2), 1.0 / self.sigma, out=points[..., :dim, :])
        squares = np.einsum("...dp,...dp->...p", points[..., :dim, :], points[..., :dim, :])
        points[..., dim, :] = np.where(squares > 0, logs - squares / 2, -_NOTHING)
        points[..., dim + 1, :] = 1.0
        find, multiply = columns_of(points), product(points)

        def fill(columns: np.ndarray, out: np.ndarray) -> None:
            mine = find(columns).copy()
            mine[..., dim + 1] = mine[..., dim]
            mine[..., dim] = 1.0
            multiply(mine[..., None, :], points, out=out)
            np.exp(out, out=out)

        return fill

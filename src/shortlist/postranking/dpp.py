"""`DPP`: a set whose items span much, by a determinantal point process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._greedy import choose
from shortlist.postranking._residuals import SMALLEST, Residuals
from shortlist.postranking._scale import relevance
from shortlist.postranking._spread import check_trade_off, check_window, spread
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["DPP"]


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
        return spread(self, ranked, context, self.trade_off * relevance(ranked), self._choose)

    def _choose(self, gains: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
        """The columns ``[B, k]`` in the order they are chosen; ``gains`` is used up."""
        rows, vectors = np.arange(len(gains)), vectors.astype(np.float64)
        known = np.asarray(vectors.any(axis=2))
        complete = bool(known.all())

        def kernel(columns: np.ndarray) -> np.ndarray:
            cosines = np.matmul(vectors, vectors[rows, columns][:, :, None])[:, :, 0]
            values = np.exp((cosines - 1.0) / self.sigma**2)
            if not complete:
                values *= known & known[rows, columns][:, None]
            values[rows, columns] = 1.0
            return values

        window = None if self.window is None else self.window - 1
        residuals = Residuals(kernel, gains.shape, k, window)

        def after(best: np.ndarray) -> np.ndarray:
            residuals.choose(best)
            return (1 - self.trade_off) * np.log(np.maximum(residuals.values, SMALLEST))

        return choose(gains, k, 0.0, after)

"""`SSD`: every stretch of a long feed spans much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._greedy import choose, places_of
from shortlist.postranking._residuals import SMALLEST, columns_of, product, residuals
from shortlist.postranking._scale import relevance
from shortlist.postranking._spread import check_window, search_first, spread
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["SSD"]

# So many columns for each place are tried first.
_GUESS = 2


@final
@dataclass(frozen=True, kw_only=True)
class SSD(PostRanker):
    """The greedy search of sliding spectrum decomposition (Huang et al. 2021).

    Fills the first ``context.k`` places one by one with the item for which ``relevance + gamma *
    volume * height`` is largest. The height of an item is the distance of its vector, at length 1,
    from the space that the last ``window - 1`` placed items span, and the volume is the product of
    the heights of all placed items. Relevance is the score moved to ``[0, 1]`` in each list. An
    item without a vector has the height 1. Heights are computed from the window anew, so they are
    exact, rather than by adding back what an item that left the window had taken away. The rest of
    the pool follows in its order; items keep their scores.

    Args:
        gamma: the weight of diversity, at least 0.
        window: how many items in a row, the new one included, are to differ; None for all.

    Raises:
        ConfigError: ``gamma`` is negative or ``window`` below 2.

    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([[1, 2, 3]]), np.array([[1.0, 0.9, 0.5]]), np.ones((1, 3)))
    >>> vectors = {1: [1.0, 0.0], 2: [1.0, 0.1], 3: [0.0, 1.0]}
    >>> context = Context(
    ...     Queries.of(["anna"]), k=2, vectors=lambda ids: np.array([vectors[i] for i in ids])
    ... )
    >>> SSD(gamma=1.0)(pool, context).lists()
    [[1, 3, 2]]
    """

    gamma: float = 0.5
    window: int | None = 10
    name: ClassVar[str] = "ssd"
    stage: ClassVar[Stage] = Stage.DIVERSITY

    def __post_init__(self) -> None:
        if not (self.gamma >= 0 and np.isfinite(self.gamma)):
            raise ConfigError(f"Expected gamma of at least 0; received {self.gamma!r}.")
        check_window(self.window)

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"to reach out of what the items before it span (gamma {self.gamma:g})"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Choose the first places greedily."""
        return spread(self, ranked, context, relevance, self._choose)

    def _choose(self, gains: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
        """The columns ``[B, k]`` in the order they are chosen."""
        # What diversity adds is at most the volume, which soon is little.
        return search_first(self._search, gains, vectors, k, _GUESS * k, lambda most: most)

    def _search(
        self, gains: np.ndarray, vectors: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The columns chosen, and the least that one was worth beyond the volume at that time."""
        points = np.ascontiguousarray(vectors.swapaxes(-1, -2), dtype=np.float64)
        squares = np.einsum("...dp,...dp->...p", points, points)
        find, multiply = columns_of(points), product(points)

        def fill(columns: np.ndarray, out: np.ndarray) -> None:
            multiply(find(columns)[..., None, :], points, out=out)

        window = None if self.window is None else self.window - 1
        left = residuals(fill, np.where(squares > 0, squares, 1.0), k, window)
        starts, flat, flat_gains = places_of(gains), left.values.reshape(-1), gains.reshape(-1)
        volume, beyond = np.full(gains.shape[:-1], self.gamma), []

        def worths() -> np.ndarray:
            return gains + volume[..., None] * _heights(left.values)

        def after(columns: np.ndarray) -> np.ndarray:
            nonlocal volume
            places = starts + columns
            height = _heights(flat[places])
            beyond.append(flat_gains[places] + volume * (height - 1))
            volume = volume * height
            left.choose(columns)
            flat_gains[places] = -np.inf
            return worths()

        chosen = choose(worths(), k, after)
        last = starts + chosen[..., -1]
        beyond.append(flat_gains[last] + volume * (_heights(flat[last]) - 1))
        return chosen, np.min(beyond, axis=0)


def _heights(residuals: np.ndarray) -> np.ndarray:
    """The distances; what is left by rounding is none."""
    return np.sqrt(np.where(residuals > SMALLEST, residuals, 0.0))

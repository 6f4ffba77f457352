"""The greedy search that several post-rankers share.

Each place is given to the item with the largest gain of its own plus a bonus that depends on what
stands above; a method is no more than the rule for that bonus.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shortlist.ranked import Ranked

__all__ = ["choose", "front"]


def choose(
    gains: np.ndarray,
    k: int,
    bonus: np.ndarray | float,
    after: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Choose ``k`` columns a list; of equal values the lower column wins.

    Args:
        gains: ``[B, P]``, -inf where no item stands; it is used up.
        k: at most ``P``. A list that runs out of items repeats columns, which `front` passes over.
        bonus: ``[B, P]``, what is added before anything is chosen.
        after: from the columns ``[B]`` just chosen to the bonus ``[B, P]`` from then on.

    Returns:
        ``[B, k]`` in the order of choice.
    """
    rows = np.arange(len(gains))
    chosen = np.empty((len(gains), k), dtype=np.int64)
    for place in range(k):
        best = np.argmax(gains + bonus, axis=1)
        chosen[:, place] = best
        if place + 1 < k:
            gains[rows, best] = -np.inf
            bonus = after(best)
    return chosen


def front(ranked: Ranked, chosen: np.ndarray) -> Ranked:
    """Move the columns ``chosen`` ``[B, k]`` to the front in that order, the rest after them.

    Where a list has fewer than ``k`` valid items, some of ``chosen`` repeat or are invalid; they
    are passed over.
    """
    keys = np.arange(ranked.k) + np.full((len(ranked), 1), ranked.k, dtype=np.int64)
    # From last to first: where a column repeats, the last assignment, its first choice, stands.
    places = np.arange(chosen.shape[1])[::-1]
    keys[np.arange(len(ranked))[:, None], chosen[:, ::-1]] = places
    keys[~ranked.valid] = 2 * ranked.k
    return ranked.take(np.argsort(keys, axis=1, kind="stable"))

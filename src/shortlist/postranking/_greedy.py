"""The greedy search that several post-rankers share.

Each place is given to the item of the largest value, and the values then change by what was chosen;
a method is no more than the rule for that change.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shortlist.ranked import Ranked

__all__ = ["choose", "front", "places_of"]


def choose(values: np.ndarray, k: int, after: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Choose ``k`` columns a list; of equal values the lower column wins.

    Args:
        values: ``[..., P]``, what each item is worth before anything is chosen, -inf where no item
            stands.
        k: at most ``P``. A list that runs out of items repeats columns, which `front` passes over.
        after: from the columns ``[...]`` just chosen to the values ``[..., P]`` from then on, in
            which all that were chosen must have -inf.

    Returns:
        ``[..., k]`` in the order of choice.
    """
    chosen = [values.argmax(axis=-1)]
    for _ in range(k - 1):
        values = after(chosen[-1])
        chosen.append(values.argmax(axis=-1))
    return np.stack(chosen, axis=-1)


def places_of(values: np.ndarray) -> np.ndarray | int:
    """What to add to columns ``[...]`` to find them in ``values`` ``[..., P]`` made flat."""
    if values.ndim == 1:
        return 0
    width = values.shape[-1]
    return width * np.arange(values.size // width).reshape(values.shape[:-1])


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

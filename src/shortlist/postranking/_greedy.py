"""The greedy search that several post-rankers share.

Each place is given to the item of the largest value, and the values then change by what was chosen;
a method is no more than the rule for that change.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shortlist.ranked import Ranked

__all__ = ["best", "choose", "front", "places_of"]


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


def best(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the largest of ``values`` ``[B, P]``.

    Returns:
        Their columns ``[B, width]`` from the lowest to the highest, and the largest ``[B]`` of all
        other values; ``width`` is below ``P``.
    """
    order = np.argpartition(values, (-width - 1, -width), axis=1)
    highest = np.take_along_axis(values, order[:, -width - 1, None], axis=1)[:, 0]
    return np.sort(order[:, -width:], axis=1), highest


def front(ranked: Ranked, chosen: np.ndarray) -> Ranked:
    """Move the columns ``chosen`` ``[B, k]`` to the front in that order, the rest after them.

    Where a list has fewer than ``k`` valid items, some of ``chosen`` repeat or are invalid; they
    are passed over.
    """
    width, k = ranked.k, chosen.shape[1]
    # Places in the arrays made flat, of which NumPy takes many at several times the speed.
    starts = width * np.arange(len(ranked))[:, None]
    others = np.ones(ranked.valid.shape, dtype=bool)
    others.reshape(-1)[starts + chosen] = False
    rest = np.flatnonzero(others)
    if ranked.valid.all() and len(rest) == others.size - chosen.size:
        order = np.hstack([starts + chosen, rest.reshape(len(ranked), width - k)])
    else:
        keys = np.arange(width) + np.full((len(ranked), 1), width, dtype=np.int64)
        # From last to first: where a column repeats, the last assignment, its first choice, stands.
        keys[np.arange(len(ranked))[:, None], chosen[:, ::-1]] = np.arange(k)[::-1]
        keys[~ranked.valid] = 2 * width
        order = starts + np.argsort(keys, axis=1, kind="stable")
    return Ranked(*(a.reshape(-1).take(order) for a in (ranked.ids, ranked.scores, ranked.valid)))

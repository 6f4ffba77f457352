"""What the post-rankers that spread items by their vectors share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._greedy import front
from shortlist.postranking.base import Context, PostRanker
from shortlist.ranked import Ranked

__all__ = ["Search", "check_trade_off", "check_window", "search_first", "spread"]

_PLACES_AT_ONCE = 2**15
# Just below the largest block that glibc adapts itself to.
_BLOCK = 2**25 - 2**14
# A search among fewer columns is worth its checks if so many times fewer will do.
_WORTHWHILE = 1.25

#: From relevance ``[..., P]``, vectors ``[..., P, D]`` and ``k``, for one list or for several, to
#: the chosen columns ``[..., k]`` and a number ``[...]``: had an item been there that is never
#: worth more than that, it would not have been chosen.
Search = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def check_trade_off(trade_off: float) -> None:
    """Raise `ConfigError` unless it is a number in [0, 1]."""
    if not 0 <= trade_off <= 1:
        raise ConfigError(f"Expected trade_off in [0, 1]; received {trade_off!r}.")


def check_window(window: int | None) -> None:
    """Raise `ConfigError` unless it is an integer of at least 2 or None."""
    if window is not None and (type(window) is not int or window < 2):
        raise ConfigError(
            f"Expected window to be an integer of at least 2 or None; received {window!r}."
        )


def spread(
    asker: PostRanker,
    ranked: Ranked,
    context: Context,
    gains: Callable[[Ranked], np.ndarray],
    search: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
) -> Ranked:
    """Fill the first ``context.k`` places by a greedy search over the items' vectors.

    Args:
        asker: who asks for vectors.
        ranked: ``[B, P]``.
        context: has the vectors.
        gains: from some of the lists to what each item ``[b, P]`` adds of its own.
        search: from that ``[b, P]``, -inf where no item stands, vectors ``[b, P, D]`` of
            length 1 and ``k`` to the chosen columns ``[b, k]``, for some lists at a time.

    Returns:
        The ranking with the chosen items in front.
    """
    k = min(context.k, ranked.k)
    chosen = np.empty((len(ranked), k), dtype=np.int64)
    # So few lists at a time that their vectors stay in the cache for all k rounds, but enough to
    # share the cost of NumPy's calls.
    size = max(1, _PLACES_AT_ONCE // ranked.k)
    if len(ranked) > size:
        # To give back a block of this size, never written to, tells glibc that such come and go;
        # otherwise it returns the memory of each part to the system, which clears it for the next.
        np.empty(_BLOCK, dtype=np.uint8)
    for start in range(0, len(ranked), size):
        part = ranked.rows(start, start + size)
        own = np.where(part.valid, gains(part), -np.inf)
        chosen[start : start + size] = search(own, context.unit_vectors(part, asker), k)
    return front(ranked, chosen)


def search_first(
    search: Search,
    gains: np.ndarray,
    vectors: np.ndarray,
    k: int,
    width: int,
    bound: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Search among the first columns, and among all where those turn out to be too few.

    Args:
        search: may use up its relevance.
        gains: relevance ``[B, P]``.
        vectors: ``[B, P, D]``.
        k: how many items to choose.
        width: how many columns are likely to hold them all.
        bound: from relevance ``[B]`` to the most that items of no more relevance can be worth.

    Returns:
        The chosen columns ``[B, k]``, the same for every ``width``.
    """
    width = max(width, k)
    falling = bool((gains[:, 1:] <= gains[:, :-1]).all())
    if not falling or _WORTHWHILE * width > gains.shape[1]:
        return _found(search, gains, vectors, k)[0]
    chosen, least = _found(search, gains[:, :width], vectors[:, :width], k)
    missed = ~(least >= bound(gains[:, width]))
    if missed.any():
        chosen[missed] = _found(search, gains[missed], vectors[missed], k)[0]
    return chosen


def _found(
    search: Search, gains: np.ndarray, vectors: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """What ``search`` finds in ``[B, P]``; it is given a copy to use up."""
    # One list alone goes without the first axis, for which NumPy takes half the time.
    if len(gains) == 1:
        chosen, least = search(gains[0].copy(), vectors[0], k)
        return chosen[None], np.asarray(least)[None]
    return search(gains.copy(), vectors, k)

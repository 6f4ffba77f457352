"""What the post-rankers that spread items by their vectors share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._greedy import front
from shortlist.postranking.base import Context, PostRanker
from shortlist.ranked import Ranked

__all__ = ["check_trade_off", "check_window", "spread"]

_PLACES_AT_ONCE = 2**14


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
    relevance: np.ndarray,
    search: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
) -> Ranked:
    """Fill the first ``context.k`` places by a greedy search over the items' vectors.

    Args:
        asker: who asks for vectors.
        ranked: ``[B, P]``.
        context: has the vectors.
        relevance: ``[B, P]``, what an item adds of its own.
        search: from relevance ``[b, P]``, -inf where no item stands, vectors ``[b, P, D]`` of
            length 1 and ``k`` to the chosen columns ``[b, k]``, for some lists at a time.

    Returns:
        The ranking with the chosen items in front.
    """
    k = min(context.k, ranked.k)
    gains = np.where(ranked.valid, relevance, -np.inf)
    chosen = np.empty((len(ranked), k), dtype=np.int64)
    # So few lists at a time that their vectors stay in the cache for all k rounds, but enough to
    # share the cost of NumPy's calls.
    size = max(1, _PLACES_AT_ONCE // ranked.k)
    for start in range(0, len(ranked), size):
        part = slice(start, start + size)
        vectors = context.unit_vectors(ranked.rows(start, start + size), asker)
        chosen[part] = search(gains[part], vectors, k)
    return front(ranked, chosen)

"""Metrics of ranked lists, in NumPy and float64.

    hits, sizes = ...                      # [B, K] bool: is the item in this place relevant?
    ndcg(hits, relevant, k=10)             # [B], one value a user; average them as you like

Accuracy is measured from ``hits`` and from ``relevant``, the number of relevant items of each user.
A list shorter than ``k`` counts as if filled with misses. A user without a relevant item has no
value: NaN, to be left out of averages. Relevance is binary, and an item may be in a list only once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shortlist.errors import ConfigError, DataError

__all__ = [
    "METRICS",
    "average_precision",
    "coverage",
    "hit_rate",
    "ndcg",
    "novelty",
    "precision",
    "recall",
    "reciprocal_rank",
]


def recall(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """The share of a user's relevant items that stand in the first ``k`` places.

    ``hits[:k].sum() / relevant``. The whole number of relevant items divides, also when it is
    larger than ``k``, so with many relevant items 1 cannot be reached.

    Args:
        hits: ``[B, K]`` bool, whether the item in each place is relevant.
        relevant: ``[B]``, how many relevant items each user has, in the lists or not.
        k: how many places count.

    Returns:
        ``[B]`` float64; NaN where ``relevant`` is 0.

    Raises:
        ConfigError: ``k`` is not positive.
        DataError: the shapes do not fit, or a list has more hits than there are relevant items.

    >>> recall(np.array([[True, False, True]]), np.array([4]), k=2).tolist()
    [0.25]
    """
    hits, relevant = _checked(hits, relevant, k)
    return _ratio(hits.sum(axis=1), relevant, relevant)


def precision(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """The share of the first ``k`` places that hold a relevant item: ``hits[:k].sum() / k``.

    Arguments, result and errors are those of `recall`.

    >>> precision(np.array([[True, False, True]]), np.array([4]), k=2).tolist()
    [0.5]
    """
    hits, relevant = _checked(hits, relevant, k)
    return _ratio(hits.sum(axis=1), np.full(len(hits), k), relevant)


def hit_rate(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """1 where at least one of the first ``k`` places holds a relevant item, else 0.

    Arguments, result and errors are those of `recall`.

    >>> hit_rate(np.array([[False, False, True]]), np.array([4]), k=2).tolist()
    [0.0]
    """
    hits, relevant = _checked(hits, relevant, k)
    return _ratio(np.asarray(hits.any(axis=1)), np.ones(len(hits)), relevant)


def ndcg(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Normalised discounted cumulative gain with binary relevance (Järvelin and Kekäläinen 2002).

    The sum of ``1 / log2(rank + 1)`` over the hits among the first ``k`` places, divided by that
    sum for the best list there can be, which begins with ``min(k, relevant)`` hits.

    Arguments, result and errors are those of `recall`.

    >>> ndcg(np.array([[True, False, False]]), np.array([1]), k=2).tolist()
    [1.0]
    """
    hits, relevant = _checked(hits, relevant, k)
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(relevant, k)]
    gained = _sum(hits * discounts[: hits.shape[1]])
    return _ratio(gained, best, relevant)


def reciprocal_rank(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """One over the rank of the first hit among the first ``k`` places, 0 without one.

    Its mean over users is the mean reciprocal rank, MRR. Arguments, result and errors are those of
    `recall`.

    >>> reciprocal_rank(np.array([[False, True, True]]), np.array([2]), k=3).tolist()
    [0.5]
    """
    hits, relevant = _checked(hits, relevant, k)
    first = np.argmax(hits, axis=1) if hits.shape[1] else np.zeros(len(hits), dtype=np.int64)
    return _ratio(np.asarray(hits.any(axis=1)), first + 1.0, relevant)


def average_precision(hits: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """The precision at the rank of each hit among the first ``k``, over ``min(k, relevant)``.

    Its mean over users is the mean average precision, MAP. Arguments, result and errors are those
    of `recall`.

    >>> average_precision(np.array([[True, False, True]]), np.array([2]), k=3).tolist()
    [0.8333333333333333]
    """
    hits, relevant = _checked(hits, relevant, k)
    precisions = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return _ratio(_sum(precisions * hits), np.minimum(relevant, k), relevant)


#: The accuracy metrics by the names they have in reports: ``ndcg@10`` and so on.
METRICS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "ndcg": ndcg,
    "recall": recall,
    "precision": precision,
    "hit_rate": hit_rate,
    "mrr": reciprocal_rank,
    "map": average_precision,
}


def coverage(items: np.ndarray, valid: np.ndarray, catalogue: int, k: int) -> float:
    """The share of the catalogue that stands in the first ``k`` places of at least one list.

    Args:
        items: ``[B, K]`` item codes from 0 up; any integers tell items apart.
        valid: ``[B, K]`` bool, places that hold an item.
        catalogue: how many items there are.
        k: how many places count.

    Raises:
        ConfigError: ``k`` or ``catalogue`` is not positive.

    >>> coverage(np.array([[3, 1], [3, 2]]), np.ones((2, 2), dtype=bool), catalogue=10, k=1)
    0.1
    """
    _check_k(k)
    if catalogue <= 0:
        raise ConfigError(f"Expected a catalogue of at least one item; received {catalogue}.")
    return len(np.unique(items[:, :k][valid[:, :k]])) / catalogue


def novelty(
    items: np.ndarray, valid: np.ndarray, counts: np.ndarray, users: int, k: int
) -> np.ndarray:
    """The mean self-information, in bits, of the items in the first ``k`` places.

    The mean over a list of ``-log2(max(counts[i], 1) / users)``: an item that every user met in
    training tells nothing, one that half of them met tells one bit (Zhou et al. 2010; Vargas and
    Castells 2011). An item that none met counts as if one had.

    Args:
        items: ``[B, K]`` item codes, each a place in ``counts``.
        valid: ``[B, K]`` bool, places that hold an item.
        counts: ``[N]``, how many training users met each item.
        users: how many training users there are.
        k: how many places count.

    Returns:
        ``[B]`` float64; NaN for an empty list.

    Raises:
        ConfigError: ``k`` or ``users`` is not positive.

    >>> novelty(np.array([[0, 1]]), np.ones((1, 2), dtype=bool), np.array([4, 1]), 8, k=2).tolist()
    [2.0]
    """
    _check_k(k)
    if users <= 0:
        raise ConfigError(f"Expected at least one training user; received {users}.")
    bits = -np.log2(np.maximum(counts, 1) / users)
    held = valid[:, :k]
    told = _sum(np.where(held, bits[np.where(held, items[:, :k], 0)], 0.0))
    return _ratio(told, held.sum(axis=1), held.sum(axis=1))


def _checked(hits: np.ndarray, relevant: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``k`` places and the sizes, if they fit together."""
    _check_k(k)
    hits, relevant = np.asarray(hits, dtype=bool), np.asarray(relevant)
    if hits.ndim != 2 or relevant.shape != hits.shape[:1]:
        raise DataError(
            "Expected hits of shape [B, K] and relevant of shape [B]; "
            f"received {hits.shape} and {relevant.shape}."
        )
    found = hits.sum(axis=1)
    if (found > relevant).any():
        row = int(np.flatnonzero(found > relevant)[0])
        raise DataError(
            f"Row {row} has {found[row]} hits but {relevant[row]} relevant items. "
            "An item may be in a list only once."
        )
    return hits[:, :k], relevant


def _check_k(k: int) -> None:
    if k <= 0:
        raise ConfigError(f"Expected k to be a positive integer; received {k!r}.")


def _sum(values: np.ndarray) -> np.ndarray:
    """Add up each row from left to right, which gives the same whatever zeros follow.

    NumPy's sum and a matrix product choose the order by the shape, so that a list and the same list
    in a larger batch could differ in the last digit.
    """
    return np.cumsum(values, axis=1)[:, -1] if values.shape[1] else np.zeros(len(values))


def _ratio(above: np.ndarray, below: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """``above / below``; NaN where a user has nothing to count."""
    result = np.full(len(above), np.nan)
    np.divide(above, below, out=result, where=counts > 0)
    return result

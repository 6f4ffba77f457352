"""Metrics beyond accuracy: of how lists spread over the catalogue and of what is in a list.

    places, valid = ...                            # [B, K] item codes, and which places hold one
    gini(places, valid, catalogue=1000, k=10)      # one value for all lists
    diversity(categories[places], valid, k=10)     # [B], one value a list

A value that cannot be had, such as the diversity of a list of one item, is NaN.
"""

from __future__ import annotations

import numpy as np

from shortlist.errors import ConfigError, DataError

__all__ = ["calibration_kl", "diversity", "gini", "gini_of", "popularity", "serendipity"]


def gini(items: np.ndarray, valid: np.ndarray, catalogue: int, k: int) -> float:
    """How unequally the first ``k`` places are shared among the items of the catalogue.

    The Gini coefficient of how often each item stands in them: 0 if all items stand there equally
    often, nearly 1 if one takes every place.

    Args:
        items: ``[B, K]`` item codes from 0 to ``catalogue - 1``.
        valid: ``[B, K]`` bool, places that hold an item.
        catalogue: how many items there are.
        k: how many places count.

    Raises:
        ConfigError: ``k`` or ``catalogue`` is not positive.
        DataError: a code is no item of the catalogue.

    >>> gini(np.array([[0], [0]]), np.ones((2, 1), dtype=bool), catalogue=2, k=1)
    0.5
    """
    _positive(k=k, catalogue=catalogue)
    shown = items[:, :k][valid[:, :k]]
    if shown.size and not 0 <= shown.min() <= shown.max() < catalogue:
        raise DataError(
            f"Expected item codes from 0 to {catalogue - 1}; received {shown.min()} to "
            f"{shown.max()}."
        )
    return gini_of(np.bincount(shown, minlength=catalogue))


def gini_of(counts: np.ndarray) -> float:
    """The Gini coefficient of how often each item ``[N]`` is shown; NaN if none is.

    ``sum_i (2 i - N - 1) c_i / (N sum c)`` over the counts in ascending order, ``i`` from 1.

    >>> gini_of(np.array([1, 1, 1]))
    0.0
    """
    counts = np.sort(np.asarray(counts, dtype=np.float64))
    n, total = len(counts), counts.sum()
    if not total:
        return float("nan")
    return float((2.0 * np.arange(1, n + 1) - n - 1) @ counts / (n * total))


def popularity(
    items: np.ndarray, valid: np.ndarray, counts: np.ndarray, users: int, k: int
) -> np.ndarray:
    """The mean share of the training users who met an item, over the first ``k`` places.

    Average recommendation popularity (Abdollahpouri et al. 2019), divided by the number of users.
    Compare it with that of the histories to see by how much a model favours the popular.

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

    >>> popularity(np.array([[0, 1]]), np.ones((1, 2), dtype=bool), np.array([4, 2]), 8, k=2)
    array([0.375])
    """
    _positive(k=k, users=users)
    held = valid[:, :k]
    shares = np.where(held, counts[np.where(held, items[:, :k], 0)] / users, 0.0)
    return _over(shares.sum(axis=1), held.sum(axis=1))


def serendipity(hits: np.ndarray, expected: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """The share of the first ``k`` places that hold a relevant item nobody had to be told of.

    ``(hits & ~expected)[:k].sum() / k``: a hit counts unless a primitive model, popularity, would
    have shown the item to this user too (Ge et al. 2010; Kaminskas and Bridge 2016).

    Args:
        hits: ``[B, K]`` bool, whether the item in each place is relevant.
        expected: ``[B, K]`` bool, whether the primitive model's first ``k`` hold it as well.
        relevant: ``[B]``, how many relevant items each user has.
        k: how many places count.

    Returns:
        ``[B]`` float64; NaN where ``relevant`` is 0.

    Raises:
        ConfigError: ``k`` is not positive.

    >>> hits, expected = np.array([[True, True]]), np.array([[True, False]])
    >>> serendipity(hits, expected, np.array([3]), k=2).tolist()
    [0.5]
    """
    _positive(k=k)
    surprising = (hits & ~expected)[:, :k].sum(axis=1)
    return np.where(np.asarray(relevant) > 0, surprising / k, np.nan)


def diversity(vectors: np.ndarray, valid: np.ndarray, k: int) -> np.ndarray:
    """Intra-list diversity: one less the mean cosine of all pairs of items in the first ``k``.

    Ziegler et al. 2005; Zhang and Hurley 2008. The vectors may be categories, 1 for each that an
    item has. An item whose vector is 0 is like no other.

    Args:
        vectors: ``[B, K, D]``, of the item in each place.
        valid: ``[B, K]`` bool, places that hold an item.
        k: how many places count.

    Returns:
        ``[B]`` float64; NaN for a list of less than two items.

    Raises:
        ConfigError: ``k`` is not positive.

    >>> vectors = np.array([[[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]])
    >>> diversity(vectors, np.ones((1, 3), dtype=bool), k=3).round(4).tolist()
    [0.6667]
    """
    _positive(k=k)
    held = valid[:, :k]
    vectors = np.where(held[:, :, None], vectors[:, :k], 0.0)
    lengths = np.linalg.norm(vectors, axis=2)
    units = vectors / np.where(lengths > 0, lengths, 1.0)[:, :, None]
    # All pairs of units add up to the square of their sum, less each with itself, twice over.
    cosines = ((units.sum(axis=1) ** 2).sum(axis=1) - (lengths > 0).sum(axis=1)) / 2
    n = held.sum(axis=1)
    return 1.0 - _over(cosines, n * (n - 1) / 2)


def calibration_kl(
    wanted: np.ndarray, vectors: np.ndarray, valid: np.ndarray, k: int, *, alpha: float = 0.01
) -> np.ndarray:
    """How far the categories of a list are from those of the user's history (Steck 2018).

    The Kullback-Leibler divergence ``sum_g p_g log(p_g / q'_g)`` in nats, with ``p`` the history's
    categories, ``q`` the list's, each item's adding up to 1, and
    ``q' = (1 - alpha) q + alpha p``. 0 is perfect calibration.

    Args:
        wanted: ``[B, D]``, the categories of each history; scaled to add up to 1.
        vectors: ``[B, K, D]``, 0 or more, the categories of the item in each place.
        valid: ``[B, K]`` bool, places that hold an item.
        k: how many places count.
        alpha: in (0, 1); keeps the value finite.

    Returns:
        ``[B]`` float64; NaN where the history or the list has no category.

    Raises:
        ConfigError: ``k`` is not positive or ``alpha`` not in (0, 1).

    >>> wanted, vectors = np.array([[1.0, 1.0]]), np.array([[[0.0, 1.0], [1.0, 0.0]]])
    >>> calibration_kl(wanted, vectors, np.ones((1, 2), dtype=bool), k=2).tolist()
    [0.0]
    """
    _positive(k=k)
    if not 0 < alpha < 1:
        raise ConfigError(f"Expected alpha in (0, 1); received {alpha!r}.")
    own = vectors[:, :k].sum(axis=2, keepdims=True)
    each = np.divide(vectors[:, :k], own, out=np.zeros(vectors[:, :k].shape), where=own > 0)
    q, p = (each * valid[:, :k, None]).sum(axis=1), np.asarray(wanted, dtype=np.float64)
    totals = p.sum(axis=1), q.sum(axis=1)
    p, q = (
        part / np.where(total > 0, total, 1.0)[:, None]
        for part, total in zip((p, q), totals, strict=True)
    )
    mixed = (1 - alpha) * q + alpha * p
    terms = p * np.log(np.where(p > 0, p, 1.0) / np.where(p > 0, mixed, 1.0))
    return np.where((totals[0] > 0) & (totals[1] > 0), terms.sum(axis=1), np.nan)


def _positive(**values: int) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ConfigError(f"Expected {name} to be a positive integer; received {value!r}.")


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    result = np.full(len(above), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result

"""Metrics of scored lists with graded labels, in NumPy and float64.

    ranked = ranked_labels(labels, scores)          # labels in the order of the scores
    graded_ndcg(ranked, k=10)
    list_metrics(labels, scores, ks=(1, 10))        # NDCG, MRR, MAP, recall ...

A list is a row ``[L]``; a label below 0 masks its place. Items are ordered by score, and of equal
scores the lower column comes first. For all but NDCG an item is relevant if its label is above 0.
A list without a relevant item has no value: NaN, to be left out of averages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from shortlist.errors import ConfigError, DataError, nearest
from shortlist.metrics.ranking import METRICS

__all__ = ["graded_ndcg", "list_metrics", "ranked_labels"]

Gain = Literal["exponential", "linear"]


def ranked_labels(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The labels of every list in the order of descending scores, masked places (-1) last.

    ``ranked > 0`` are the ``hits`` that the functions of `shortlist.metrics` take, and its sum over
    a row the number of relevant items.

    Args:
        labels: ``[B, L]``; below 0 where masked.
        scores: ``[B, L]``; those of masked places do not matter.

    Returns:
        ``[B, L]`` float64.

    Raises:
        DataError: the shapes differ, a label is NaN, or the score of an item is NaN.

    >>> ranked_labels(np.array([[0, 2, 1, 5]]), np.array([[0.5, 0.5, 0.9, 0.1]])).tolist()
    [[1.0, 0.0, 2.0, 5.0]]
    """
    labels, scores = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if labels.ndim != 2 or labels.shape != scores.shape:
        raise DataError(
            "Expected labels and scores of one shape [B, L]; received "
            f"{labels.shape} and {scores.shape}."
        )
    known = labels >= 0
    wrong = np.isnan(labels) | (known & np.isnan(scores))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"Expected labels and scores that are numbers; place {column} of list {row} has the "
            f"label {labels[row, column]} and the score {scores[row, column]}. Mask a missing "
            "label with -1."
        )
    order = np.lexsort((-np.where(known, scores, 0), ~known), axis=1)
    ranked = np.take_along_axis(labels, order, axis=1)
    return np.where(ranked < 0, -1.0, ranked)


def graded_ndcg(ranked: np.ndarray, k: int, *, gain: Gain = "exponential") -> np.ndarray:
    """Normalised discounted cumulative gain with grades (Järvelin and Kekäläinen 2002).

    The sum of ``gain / log2(rank + 1)`` over the first ``k`` places, divided by that sum for the
    best order of the same labels.

    Args:
        ranked: ``[B, L]`` labels in the order they are shown, from `ranked_labels`.
        k: how many places count.
        gain: ``"exponential"``: ``2^label - 1`` (Burges et al. 2005), or ``"linear"``: the label.

    Returns:
        ``[B]`` float64; NaN where nothing is to be gained.

    Raises:
        ConfigError: ``k`` is not positive, or the gain is unknown.

    >>> graded_ndcg(np.array([[3.0, 0.0, 1.0]]), k=1).tolist()
    [1.0]
    """
    if k < 1:
        raise ConfigError(f"Expected k to be a positive integer; received {k!r}.")
    if gain not in ("exponential", "linear"):
        known = ("exponential", "linear")
        raise ConfigError(f"gain expected one of {known}; received {gain!r}.{nearest(gain, known)}")
    labels = np.maximum(np.asarray(ranked, np.float64), 0.0)
    gains = np.exp2(labels) - 1.0 if gain == "exponential" else labels
    best = -np.sort(-gains, axis=1)
    discounts = 1.0 / np.log2(np.arange(2, min(k, gains.shape[1]) + 2))
    found, ideal = ((g[:, :k] * discounts).sum(axis=1) for g in (gains, best))
    return np.divide(found, ideal, out=np.full(len(gains), np.nan), where=ideal > 0)


def list_metrics(
    labels: np.ndarray, scores: np.ndarray, ks: Sequence[int] = (10,), *, gain: Gain = "exponential"
) -> dict[str, np.ndarray]:
    """Every metric of scored lists: NDCG with grades, MRR, MAP, precision, recall and hit rate.

    Args:
        labels: ``[B, L]``; below 0 where masked.
        scores: ``[B, L]``.
        ks: the cut-offs.
        gain: that of `graded_ndcg`.

    Returns:
        ``{"ndcg@10": [B], "recall@10": [B], ...}``; NaN for a list without a relevant item.

    Raises:
        ConfigError: as `graded_ndcg`.
        DataError: as `ranked_labels`.

    >>> found = list_metrics(np.array([[0, 1, 0]]), np.array([[0.3, 0.2, 0.1]]), ks=(2,))
    >>> {name: round(float(value[0]), 3) for name, value in found.items() if name != "map@2"}
    {'ndcg@2': 0.631, 'recall@2': 1.0, 'precision@2': 0.5, 'hit_rate@2': 1.0, 'mrr@2': 0.5}
    """
    ranked = ranked_labels(labels, scores)
    hits = ranked > 0
    relevant = hits.sum(axis=1)
    found: dict[str, np.ndarray] = {}
    for k in ks:
        found[f"ndcg@{k}"] = graded_ndcg(ranked, k, gain=gain)
        for name, metric in METRICS.items():
            if name != "ndcg":
                found[f"{name}@{k}"] = metric(hits, relevant, k)
    return found

"""What several post-rankers need: scores on one scale, and counting within lists."""

from __future__ import annotations

import numpy as np

from shortlist.ranked import Ranked

__all__ = ["occurrences", "relevance"]


def relevance(ranked: Ranked) -> np.ndarray:
    """Each list's scores moved to [0, 1] in float64, 0 in invalid places.

    The best valid item of a list has 1 and the worst 0; where all are equal, all have 1. Infinite
    scores are brought to the ends first.
    """
    scores = ranked.scores.astype(np.float64)
    if ranked.valid.all() and np.isfinite(scores).all():
        low = scores.min(axis=1, keepdims=True)
        span = scores.max(axis=1, keepdims=True) - low
        if (span > 0).all():
            return (scores - low) / span
    limit = float(np.finfo(np.float32).max)
    scores = np.clip(scores, -limit, limit)
    high = np.where(ranked.valid, scores, -np.inf).max(axis=1, keepdims=True)
    low = np.where(ranked.valid, scores, np.inf).min(axis=1, keepdims=True)
    span = high - low
    with np.errstate(invalid="ignore"):
        scaled = np.where(span > 0, (scores - low) / np.where(span > 0, span, 1.0), 1.0)
    return np.where(ranked.valid, scaled, 0.0)


def occurrences(codes: np.ndarray) -> np.ndarray:
    """How often each code ``[B, K]`` stood further up in its row; 0 for codes below 0."""
    order = np.argsort(codes, axis=1, kind="stable")
    ordered = np.take_along_axis(codes, order, axis=1)
    places = np.broadcast_to(np.arange(codes.shape[1]), codes.shape)
    begins = np.ones(codes.shape, dtype=bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    result = np.empty_like(codes)
    np.put_along_axis(result, order, np.where(ordered >= 0, places - first, 0), axis=1)
    return result

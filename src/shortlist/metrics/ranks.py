"""The exact rank of an item among the whole catalogue, by counting.

A rank needs no sorting: it is one more than the number of items that score higher. Scores are made
by a matrix product for a few queries at a time, so memory stays bounded, and everything that can be
computed from hits at any ``k`` follows from the ranks: ``ranks <= k``.
"""

from __future__ import annotations

import numpy as np

from shortlist.errors import DataError

__all__ = ["rank_in_scores", "ranks"]

_SCORES_AT_ONCE = 2**23


def ranks(
    queries: np.ndarray,
    candidates: np.ndarray,
    owners: np.ndarray,
    positives: np.ndarray,
    *,
    exclude: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Rank each positive among all candidates by inner product with its query.

    The positive is left out of the count by its column, not by its score, since a score computed
    twice may differ in the last bit. Of equal scores the lower column ranks first, so a model that
    scores everything alike ranks an item by where it stands in the catalogue, and not first.
    The other positives of a query compete as well.

    Args:
        queries: ``[B, D]`` float.
        candidates: ``[N, D]`` float, the whole catalogue.
        owners: ``[P]`` int, the row of ``queries`` each positive belongs to.
        positives: ``[P]`` int, the row of ``candidates`` of each positive.
        exclude: pairs ``(owners, columns)`` of candidates that are not shown to a query, such as
            the ones it has seen.

    Returns:
        ``[P]`` int64, from 1 to ``N``; ``N + 1`` for a positive that is itself excluded.

    Raises:
        DataError: the dimensions differ, a number is out of range, or a score is not finite.

    >>> ranks(np.array([[1.0]]), np.array([[3.0], [5.0], [4.0]]), np.array([0]), np.array([2]))
    array([2])
    """
    if queries.ndim != 2 or candidates.ndim != 2 or queries.shape[1] != candidates.shape[1]:
        raise DataError(
            "Expected queries [B, D] and candidates [N, D]; "
            f"received {queries.shape} and {candidates.shape}."
        )
    hidden_owners, hidden = exclude or (np.empty(0, np.int64), np.empty(0, np.int64))
    _check_range("owners", owners, len(queries))
    _check_range("positives", positives, len(candidates))
    _check_range("excluded owners", hidden_owners, len(queries))
    _check_range("excluded columns", hidden, len(candidates))
    by_owner, by_hidden = np.argsort(owners, kind="stable"), np.argsort(hidden_owners)
    size = max(1, _SCORES_AT_ONCE // max(1, len(candidates)))
    result = np.empty(len(positives), dtype=np.int64)
    for start in range(0, len(queries), size):
        edges = [start, start + size]
        mine = by_owner[slice(*np.searchsorted(owners, edges, sorter=by_owner))]
        if not len(mine):
            continue
        scores = queries[start : start + size] @ candidates.T
        if not np.isfinite(scores).all():
            row = start + int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
            raise DataError(f"Expected finite scores; those of query {row} are not.")
        gone = by_hidden[slice(*np.searchsorted(hidden_owners, edges, sorter=by_hidden))]
        scores[hidden_owners[gone] - start, hidden[gone]] = -np.inf
        result[mine] = rank_in_scores(scores, owners[mine] - start, positives[mine])
    return result


def rank_in_scores(scores: np.ndarray, owners: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Rank each positive in its row of ``scores`` ``[B, N]``, in which -inf marks what is excluded.

    The rules are those of `ranks`.

    >>> rank_in_scores(np.array([[1.0, 1.0, 2.0]]), np.array([0, 0]), np.array([0, 1]))
    array([2, 3])
    """
    n = scores.shape[1]
    result = np.empty(len(positives), dtype=np.int64)
    size = max(1, _SCORES_AT_ONCE // max(1, n))
    for start in range(0, len(positives), size):
        part = slice(start, start + size)
        rows = scores if _one_each(owners[part], len(scores)) else scores[owners[part]]
        own = scores[owners[part], positives[part]][:, None]
        above = np.count_nonzero(rows > own, axis=1)
        tied = np.flatnonzero(np.count_nonzero(rows >= own, axis=1) - above > 1)
        before = np.arange(n) < positives[part][tied, None]
        above[tied] += np.count_nonzero((rows[tied] == own[tied]) & before, axis=1)
        result[part] = np.where(np.isneginf(own[:, 0]), n + 1, above + 1)
    return result


def _one_each(owners: np.ndarray, batch: int) -> bool:
    """Whether each row has exactly one positive, in order, so that no rows need be gathered."""
    return len(owners) == batch and bool((owners == np.arange(batch)).all())


def _check_range(name: str, values: np.ndarray, size: int) -> None:
    if len(values) and not (values.min() >= 0 and values.max() < size):
        raise DataError(
            f"Expected {name} from 0 to {size - 1}; received {values.min()} to {values.max()}."
        )

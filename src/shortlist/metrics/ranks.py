"""The exact rank of an item among the whole catalogue, by counting.

A rank needs no sorting: it is one more than the number of items that score higher. Scores are made
by a matrix product, tile by tile of some queries and candidates, so memory stays bounded, and
everything that can be computed from hits at any ``k`` follows from the ranks: ``ranks <= k``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shortlist.errors import DataError

__all__ = ["rank_in_scores", "ranks"]

_SCORES_AT_ONCE = 2**23
# A tile of scores: it is read twice after it is made, so it should stay in the cache.
_ROWS, _COLUMNS = 256, 8 * 255


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
    sure = _surely_finite(queries, candidates)
    by_owner, by_hidden = np.argsort(owners, kind="stable"), np.argsort(hidden_owners)
    hidden_owners, hidden = hidden_owners[by_hidden], hidden[by_hidden]
    result = np.empty(len(positives), dtype=np.int64)
    for start in range(0, len(positives), _ROWS):
        part = by_owner[start : start + _ROWS]
        held, mine = np.unique(owners[part], return_inverse=True)
        first, last = np.searchsorted(hidden_owners, [held[0], held[-1] + 1])
        row = np.searchsorted(held, hidden_owners[first:last])
        gone = held[row] == hidden_owners[first:last]
        asked = _Part(held, queries[held], mine, positives[part])
        hides = row[gone], hidden[first:last][gone]
        result[part] = _rank_part(asked, candidates, hides, sure)
    return result


class _Part(NamedTuple):
    """Some queries ``[B]`` and their embeddings; positives ``[P]``, each of the row ``mine``."""

    numbers: np.ndarray
    queries: np.ndarray
    mine: np.ndarray
    positives: np.ndarray


def _rank_part(
    part: _Part, candidates: np.ndarray, hides: tuple[np.ndarray, np.ndarray], sure: bool
) -> np.ndarray:
    """Rank a few positives, tile by tile."""
    mine, positives = part.mine, part.positives
    counts = np.zeros(len(mine), dtype=np.int64)
    shown = np.ones(len(mine), dtype=bool)
    width = min(_COLUMNS, len(candidates))
    buffer = np.empty(len(part.queries) * width, np.result_type(part.queries, candidates))
    if width < len(candidates):
        # The same kind of product as in the tiles, so that equal candidates get equal scores.
        own = (part.queries @ candidates[positives].T)[mine, np.arange(len(mine))]
    for left in range(0, len(candidates), width):
        right = min(left + width, len(candidates))
        scores = buffer[: len(part.queries) * (right - left)].reshape(-1, right - left)
        np.matmul(part.queries, candidates[left:right].T, out=scores)
        if width == len(candidates):
            own = scores[mine, positives]
        below = np.nextafter(own, own.dtype.type(-np.inf))
        if not sure:
            _check_finite(scores, part.numbers)
        gone = np.flatnonzero((hides[1] >= left) & (hides[1] < right))
        scores[hides[0][gone], hides[1][gone] - left] = -np.inf
        rows = scores if _one_each(mine, len(scores)) else scores[mine]
        inside = np.flatnonzero((positives >= left) & (positives < right))
        columns = positives[inside] - left
        shown[inside] = ~np.isneginf(rows[inside, columns])
        # Left out by its column: its score here may differ from ``own`` in the last bit.
        rows[inside, columns] = -np.inf
        # Of equal scores those in lower columns rank first.
        counts += _count_above(rows, np.where(positives >= right, below, own))
        counts[inside] += _tied_before(rows, inside, own, columns)
    return np.where(shown, counts + 1, len(candidates) + 1)


def _count_above(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How many of each row are above its threshold; a row is at most ``_COLUMNS`` wide."""
    rows, width = scores.shape
    flags = np.zeros((rows, -(-width // 8) * 8), dtype=bool)
    np.greater(scores, thresholds[:, None], out=flags[:, :width])
    # Eight flags are added at once, each in a byte of its own, which 255 of them cannot overflow.
    words = np.add.reduce(flags.view(np.uint64), axis=1, dtype=np.uint64)
    return words[:, None].view(np.uint8).sum(axis=1, dtype=np.int64)


def _tied_before(
    scores: np.ndarray, rows: np.ndarray, own: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """How many scores of these rows equal ``own`` in columns before the given ones."""
    counts = np.zeros(len(rows), dtype=np.int64)
    some = scores if len(rows) == len(scores) else scores[rows]
    tied = some == own[rows, None]
    for place in np.flatnonzero(tied.any(axis=1)):
        counts[place] = np.count_nonzero(tied[place, : columns[place]])
    return counts


def _surely_finite(queries: np.ndarray, candidates: np.ndarray) -> bool:
    """Whether no score can overflow, by the largest norms, so that none need be looked at."""
    _check_finite(queries, np.arange(len(queries)))
    squares = [np.einsum("ij,ij->i", x, x).max(initial=0) for x in (queries, candidates)]
    bound = np.sqrt(np.float64(squares[0])) * np.sqrt(np.float64(squares[1]))
    return bool(bound < np.finfo(np.result_type(queries, candidates, np.float32)).max / 2)


def _check_finite(scores: np.ndarray, numbers: np.ndarray) -> None:
    finite = np.isfinite(scores)
    if not finite.all():
        query = numbers[int(np.flatnonzero(~finite.all(axis=1))[0])]
        raise DataError(f"Expected finite scores; those of query {query} are not.")


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

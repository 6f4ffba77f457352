"""`Ranked`: ids, scores and validity, the one currency from an index to the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.errors import DataError

__all__ = ["Ranked", "select_top"]


@dataclass(frozen=True, eq=False)
class Ranked:
    """Ranked items for a batch of queries, best first.

    Attributes:
        ids: ``[B, K]``, the caller's own item ids (integers, strings or any object).
        scores: ``[B, K]`` float32, higher is better, descending along the valid places of a row
            (a post-ranker that orders by something else says so).
        valid: ``[B, K]`` bool. False where a row has fewer than ``K`` items; such places come
            last in their row and what stands in ``ids`` there means nothing.

    Raises:
        DataError: the three arrays are not all of one shape ``[B, K]``.

    >>> import numpy as np
    >>> ranked = Ranked(np.array([[7, 3]]), np.array([[0.9, 0.1]]), np.array([[True, False]]))
    >>> ranked.lists()
    [[7]]
    """

    ids: np.ndarray
    scores: np.ndarray
    valid: np.ndarray

    def __post_init__(self) -> None:
        shapes = {self.ids.shape, self.scores.shape, self.valid.shape}
        if len(shapes) != 1 or self.ids.ndim != 2:
            raise DataError(
                "Ranked expected ids, scores and valid of one shape [batch, k]; received "
                f"{self.ids.shape}, {self.scores.shape} and {self.valid.shape}."
            )
        object.__setattr__(self, "scores", np.asarray(self.scores, dtype=np.float32))
        object.__setattr__(self, "valid", np.asarray(self.valid, dtype=bool))

    @classmethod
    def concatenate(cls, parts: Sequence[Ranked]) -> Ranked:
        """The lists of ``parts``, of one ``K``, one after the other."""
        return cls(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.valid for part in parts]),
        )

    @property
    def batch_size(self) -> int:
        """The number of queries, ``B``."""
        return int(self.ids.shape[0])

    @property
    def k(self) -> int:
        """The number of places in each list, ``K``."""
        return int(self.ids.shape[1])

    def __len__(self) -> int:
        return self.batch_size

    def __iter__(self) -> Iterator[list[tuple[Any, float]]]:
        """Yield each query's valid ``(id, score)`` pairs, best first."""
        for ids, scores, valid in zip(self.ids, self.scores, self.valid, strict=True):
            yield list(zip(ids[valid].tolist(), scores[valid].tolist(), strict=True))

    def lists(self) -> list[list[Any]]:
        """Each query's valid ids, best first."""
        return [row[valid].tolist() for row, valid in zip(self.ids, self.valid, strict=True)]

    def top(self, k: int) -> Ranked:
        """The first ``k`` places of every list (all of them where there are fewer)."""
        return Ranked(self.ids[:, :k], self.scores[:, :k], self.valid[:, :k])

    def rows(self, start: int, stop: int) -> Ranked:
        """The lists from ``start`` up to ``stop``, for working through a large batch in blocks."""
        part = slice(start, stop)
        return Ranked(self.ids[part], self.scores[part], self.valid[part])

    def take(self, columns: np.ndarray, *, valid: np.ndarray | None = None) -> Ranked:
        """Rearrange each row by ``columns`` ``[B, K']``, keeping or replacing validity."""
        places = np.arange(len(self))[:, None], columns
        return Ranked(
            self.ids[places], self.scores[places], self.valid[places] if valid is None else valid
        )

    def rescored(self, scores: np.ndarray) -> Ranked:
        """The same items in the order of new ``scores`` ``[B, K]``; equal scores keep their order.

        Invalid places stay last.

        Raises:
            DataError: the score of a valid place is NaN.
        """
        scores = np.asarray(scores, dtype=np.float32)
        wrong = np.isnan(scores) & self.valid
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise DataError(
                f"Expected scores that are numbers; item {self.ids[row, column]!r} of row {row} "
                "has NaN."
            )
        keyed = np.where(self.valid, scores, -np.inf)
        order = np.argsort(-keyed, axis=1, kind="stable")
        # An item scored -inf must still come before the places that hold no item.
        order = np.take_along_axis(
            order, np.argsort(~np.take_along_axis(self.valid, order, 1), axis=1, kind="stable"), 1
        )
        replaced = Ranked(self.ids, np.where(self.valid, scores, 0.0), self.valid)
        return replaced.take(order)

    def keep(self, mask: np.ndarray) -> Ranked:
        """Drop the places where ``mask`` ``[B, K]`` is False and close the gaps.

        ``K`` stays as it is; dropped places become invalid ones at the end of their row.
        """
        valid = self.valid & np.asarray(mask, dtype=bool)
        order = np.argsort(~valid, axis=1, kind="stable")
        return self.take(order, valid=np.take_along_axis(valid, order, axis=1))

    def map_ids(self, function: Callable[[np.ndarray], np.ndarray]) -> Ranked:
        """The same ranking with its ids replaced by ``function(ids)`` of the same shape."""
        return Ranked(function(self.ids), self.scores, self.valid)


def select_top(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns ``[B, min(k, N)]`` of the ``k`` largest of ``scores`` ``[B, N]``, best first.

    The rule for ties, here and everywhere in the library: of equal scores the lower column,
    that is the item that was added first, comes first.

    Raises:
        DataError: ``k`` is negative, or NaN is among the best of a row.

    >>> import numpy as np
    >>> select_top(np.array([[1.0, 3.0, 3.0, 2.0]]), 3).tolist()
    [[1, 2, 3]]
    """
    batch, n = scores.shape
    if k < 0:
        raise DataError(f"Expected k of at least 0; received {k}.")
    if k == 0 or n == 0:
        return np.empty((batch, 0), dtype=np.int64)
    if k >= n:
        return np.argsort(-scores, axis=1, kind="stable")
    columns = _largest(scores, k)
    kept = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-kept, axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)


def _largest(scores: np.ndarray, k: int) -> np.ndarray:
    """Ascending columns ``[B, k]`` of the ``k`` largest of each row, ``k`` being below ``N``."""
    batch, n = scores.shape
    # A partition is free to keep any of the items tied at the boundary, so find the boundary
    # with it and then choose among the ties by column.
    threshold = np.partition(scores, n - k, axis=1)[:, n - k, None]
    if np.isnan(threshold).any():
        row = int(np.flatnonzero(np.isnan(threshold))[0])
        raise DataError(f"Expected scores that are numbers; row {row} holds NaN.")
    chosen = scores >= threshold
    crowded = np.flatnonzero(np.count_nonzero(chosen, axis=1) > k)
    if crowded.size:
        tied = scores[crowded] == threshold[crowded]
        room = k - np.count_nonzero(chosen[crowded] & ~tied, axis=1)[:, None]
        chosen[crowded] &= ~tied | (np.cumsum(tied, axis=1) <= room)
    if np.count_nonzero(chosen) != batch * k:
        row = int(np.flatnonzero(np.isnan(scores).any(axis=1))[0])
        raise DataError(f"Expected scores that are numbers; row {row} holds NaN.")
    return np.flatnonzero(chosen).reshape(batch, k) % n

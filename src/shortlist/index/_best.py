"""`Best`: the best few rows of each query, kept while scores come in by blocks.

    best = Best(batch, k)
    for start, vectors in rows.blocks(size):
        best.offer(start, vectors @ queries.T)
    scores, rows = best.finish()

Both are ``[batch, k]``, best first.
"""

from __future__ import annotations

import numpy as np

from shortlist.ranked import select_top

__all__ = ["Best"]


class Best:
    """The ``k`` best rows of each of ``batch`` queries among all that were offered.

    Rows are offered in ascending order, so a row that only equals the k-th best so far loses the
    tie and can be left out: the threshold of each query decides with one comparison a score.
    """

    def __init__(self, batch: int, k: int) -> None:
        self.scores = np.full((batch, k), -np.inf, dtype=np.float32)
        self.rows = np.full((batch, k), -1, dtype=np.int64)
        self._threshold = self.scores[:, -1].copy()
        self._pending: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._count = 0

    def offer(self, start: int, scores: np.ndarray) -> None:
        """Consider ``scores`` ``[rows, B]`` of the rows from ``start`` on; -inf is never taken."""
        batch, k = self.scores.shape
        found = np.flatnonzero(scores > self._threshold)
        if found.size > 4 * batch * k:
            self._merge()
            self._merge_dense(start, scores)
        elif found.size:
            places, owners = np.divmod(found, batch)
            self._pending.append((scores.ravel()[found], places + start, owners))
            self._count += found.size
            # By then about as many rows were seen as at the last merge, so there are few merges.
            if self._count > batch * k:
                self._merge()

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Scores and rows ``[B, k]``; where nothing was found, -inf and -1."""
        self._merge()
        return self.scores, self.rows

    def _merge_dense(self, start: int, scores: np.ndarray) -> None:
        """Take in a whole block, as at the start, when almost everything beats the threshold."""
        k = self.scores.shape[1]
        pool = np.concatenate([self.scores, scores.T], axis=1)
        columns = select_top(pool, k)
        self.scores = np.take_along_axis(pool, columns, axis=1)
        old = np.take_along_axis(self.rows, np.minimum(columns, k - 1), axis=1)
        self.rows = np.where(columns < k, old, columns - k + start)
        self._threshold = self.scores[:, -1].copy()

    def _merge(self) -> None:
        """Take in what is pending."""
        if not self._pending:
            return
        batch, k = self.scores.shape
        scores, rows, owners = (np.concatenate(parts) for parts in zip(*self._pending, strict=True))
        scores = np.concatenate([self.scores.ravel(), scores])
        rows = np.concatenate([self.rows.ravel(), rows])
        owners = np.concatenate([np.repeat(np.arange(batch), k), owners])
        # Both sorts are stable: ties in score keep the order of rows, the best so far being first.
        order = np.argsort(-scores, kind="stable")
        # NumPy sorts 16-bit integers by radix, in linear time; a batch is never that large.
        order = order[np.argsort(owners[order].astype(np.uint16), kind="stable")]
        ends = np.cumsum(np.bincount(owners, minlength=batch))
        firsts = np.concatenate([[0], ends[:-1]])
        chosen = order[firsts[:, None] + np.arange(k)]
        self.scores, self.rows = scores[chosen], rows[chosen]
        self._threshold = self.scores[:, -1].copy()
        self._pending, self._count = [], 0

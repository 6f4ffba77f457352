"""In which order an epoch visits the rows: any part of it can be had without the rest."""

from __future__ import annotations

import numpy as np

__all__ = ["RowOrder"]


class RowOrder:
    """The rows of each epoch, shuffled within windows of blocks.

    Blocks are runs of rows that are cheap to read together. An epoch takes the blocks in a random
    order, a window of them at a time, and shuffles the rows of each window. With one block that is
    a plain shuffle. Everything follows from the seed and the epoch, so a position is two numbers.

    Args:
        blocks: ``[n + 1]`` offsets; block ``i`` is the rows ``blocks[i]`` to ``blocks[i + 1]``.
        window: how many blocks are shuffled together.
        shuffle: False for the rows in their own order.
        seed: >= 0.

    >>> order = RowOrder(np.array([0, 4]), window=1, shuffle=False, seed=0)
    >>> [part.tolist() for part in order.rows(epoch=0, start=1, stop=3)]
    [[1, 2]]
    """

    def __init__(self, blocks: np.ndarray, window: int, *, shuffle: bool, seed: int) -> None:
        self._blocks = np.asarray(blocks, dtype=np.int64)
        self._window = window
        self._shuffle = shuffle
        self._seed = seed
        self._dtype = np.int32 if self._blocks[-1] < 2**31 else np.int64
        # The latest plan and window: batches ask for the same ones again and again. Each is
        # replaced as a whole, so that two threads at worst make it twice.
        self._plan_kept: tuple[int, np.ndarray, np.ndarray] | None = None
        self._window_kept: tuple[int, int, np.ndarray] | None = None

    def rows(self, epoch: int, start: int, stop: int) -> list[np.ndarray]:
        """The rows at the places ``start`` to ``stop`` of an epoch, one array for each window."""
        if not self._shuffle:
            return [np.arange(start, stop, dtype=self._dtype)]
        _, offsets = self._plan(epoch)
        first = int(np.searchsorted(offsets, start, side="right")) - 1
        parts = []
        while start < stop:
            end = min(stop, int(offsets[first + 1]))
            at = int(offsets[first])
            parts.append(self._rows_of_window(epoch, first)[start - at : end - at])
            start, first = end, first + 1
        return parts

    def _plan(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The epoch's order of blocks, and the places ``[windows + 1]`` where windows begin."""
        kept = self._plan_kept
        if kept is None or kept[0] != epoch:
            sizes = np.diff(self._blocks)
            order = np.random.default_rng([self._seed, epoch]).permutation(len(sizes))
            ends = np.cumsum(sizes[order])
            last_of_windows = np.append(ends[self._window - 1 : -1 : self._window], ends[-1])
            kept = (epoch, order, np.concatenate([[0], last_of_windows]))
            self._plan_kept = kept
        return kept[1], kept[2]

    def _rows_of_window(self, epoch: int, window: int) -> np.ndarray:
        kept = self._window_kept
        if kept is None or kept[:2] != (epoch, window):
            order, _ = self._plan(epoch)
            blocks = order[window * self._window : (window + 1) * self._window]
            rows = np.concatenate(
                [np.arange(self._blocks[b], self._blocks[b + 1], dtype=self._dtype) for b in blocks]
            )
            np.random.default_rng([self._seed, epoch, window]).shuffle(rows)
            kept = (epoch, window, rows)
            self._window_kept = kept
        return kept[2]

"""`Residuals`: how much of each item the chosen ones leave unexplained, kept up to date.

For a kernel ``K`` with ones on its diagonal, the residual of item ``i`` given the chosen ``S`` is
its conditional variance ``K_ii - K_iS K_SS^-1 K_Si``: the factor by which choosing it multiplies
the determinant of ``K_SS``. With all chosen items counted, an incremental Cholesky factor gives it
in ``O(|S| P)`` a round (Chen, Zhang and Zhou 2018); with a window, the few last items are factored
anew.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["SMALLEST", "Residuals"]

# Below this an item counts as explained: what is left of it is rounding.
SMALLEST = 1e-8


class Residuals:
    """The residuals of ``P`` items for each of ``B`` lists.

    Args:
        kernel: from the columns ``[B]`` of one item a list to its kernel values ``[B, P]``.
        shape: ``(B, P)``.
        rounds: how many items will be chosen.
        window: how many of the last chosen items count, or None for all of them.
    """

    def __init__(
        self,
        kernel: Callable[[np.ndarray], np.ndarray],
        shape: tuple[int, int],
        rounds: int,
        window: int | None,
    ) -> None:
        batch, width = shape
        self._kernel = kernel
        self._window = window
        self._rows = np.arange(batch)
        depth = rounds if window is None else min(window, rounds)
        if window is None:
            self._factors = np.zeros((batch, depth, width))
        else:
            self._chosen = np.zeros((batch, depth), dtype=np.int64)
            self._kernels = np.zeros((batch, depth, width))
            # Items that are alike make the matrix of the chosen ones singular; so little on its
            # diagonal changes nothing.
            self._inner = np.tile((1.0 + 1e-9) * np.eye(depth), (batch, 1, 1))
        self._count = 0
        self.values = np.ones(shape)

    def choose(self, columns: np.ndarray) -> None:
        """Add one item a list, given by its column ``[B]``, to the chosen ones."""
        row = self._kernel(columns)
        if self._window is None:
            self._extend(columns, row)
        else:
            self._slide(columns, row, self._window)
        self._count += 1

    def _extend(self, columns: np.ndarray, row: np.ndarray) -> None:
        known = self._factors[:, : self._count]
        own = np.maximum(self.values[self._rows, columns], SMALLEST)
        explained = np.matmul(known[self._rows, :, columns][:, None, :], known)[:, 0]
        factor = (row - explained) / np.sqrt(own)[:, None]
        self._factors[:, self._count] = factor
        self.values -= factor * factor

    def _slide(self, columns: np.ndarray, row: np.ndarray, window: int) -> None:
        if window == 0:
            return
        slot = self._count % window
        size = min(self._count + 1, window)
        self._kernels[:, slot] = row
        self._chosen[:, slot] = columns
        near, inner = self._kernels[:, :size], self._inner[:, :size, :size]
        values = row[self._rows[:, None], self._chosen[:, :size]]
        inner[:, slot], inner[:, :, slot] = values, values
        inner[:, slot, slot] = 1.0 + 1e-9
        factors = np.matmul(np.linalg.inv(np.linalg.cholesky(inner)), near)
        factors *= factors
        self.values = 1.0 - factors.sum(axis=1)

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
        self._chosen = np.zeros((batch, 0), dtype=np.int64)
        depth = rounds if window is None else min(window, rounds)
        self._factors = np.zeros((batch, depth, width))
        self._kernels = np.zeros((batch, 0 if window is None else depth, width))
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
        self._kernels[:, slot] = row
        if self._count < window:
            self._chosen = np.concatenate([self._chosen, columns[:, None]], axis=1)
        else:
            self._chosen[:, slot] = columns
        near = self._kernels[:, : self._chosen.shape[1]]
        inner = near[self._rows[:, None], :, self._chosen]
        # Items that are alike make the matrix singular; so little on its diagonal changes nothing.
        inner = inner + 1e-9 * np.eye(inner.shape[1])
        factors = np.matmul(np.linalg.inv(np.linalg.cholesky(inner)), near)
        self.values = 1.0 - np.einsum("bwp,bwp->bp", factors, factors)

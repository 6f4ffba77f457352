"""`Residuals`: how much of each item the chosen ones leave unexplained, kept up to date.

For a kernel ``K`` the residual of item ``i`` given the chosen ``S`` is its conditional variance
``K_ii - K_iS K_SS^-1 K_Si``: the factor by which choosing it multiplies the determinant of
``K_SS``.

With all chosen items counted, an incremental Cholesky factor gives it in ``O(|S| P)`` a round
(Chen, Zhang and Zhou 2018). With a window of ``m`` items a round takes out the oldest and adds the
newest in ``O(m P)`` by one update of a small matrix. Its columns ``D_j`` are the dual vectors of
the items in the window: in an orthonormal basis of what they span, ``D_j`` has the product 1 with
item ``j`` and 0 with the others. So what an item leaves to others when it goes lies along ``D_j``.

All works for one list, whose arrays have no first axis, and for several. What the two would do
differently is decided in `product` and `columns_of`: at this size NumPy's calls are most of the
time, and for one list there are shorter ones.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import Any, final

import numpy as np

from shortlist.postranking._greedy import places_of

__all__ = ["SMALLEST", "Fill", "Residuals", "columns_of", "product", "residuals"]

# A share of its own variance below which an item counts as explained: the rest is rounding.
SMALLEST = 1e-8

#: Writes the kernel values ``[..., 1, P]`` of one item a list, given by its column ``[...]``, into
#: an array.
Fill = Callable[[np.ndarray, np.ndarray], None]


def product(array: np.ndarray) -> Callable[..., Any]:
    """The product of matrices for arrays with as many axes as ``array`` has."""
    return np.matmul if array.ndim > 2 else np.dot


def columns_of(array: np.ndarray) -> Callable[..., np.ndarray]:
    """From columns ``[...]``, one a list of ``array`` ``[..., R, P]``, to what is in them.

    A second argument says how many rows are looked at, if not all.
    """
    if array.ndim == 2:
        return lambda columns, rows=None: array[:rows, columns]
    flat, begins = array.reshape(-1), np.asarray(places_of(array))
    return lambda columns, rows=None: flat.take(begins[:, :rows] + columns[:, None])


class Residuals(abc.ABC):
    """The residuals of ``P`` items, for one list or for each of ``B``.

    Attributes:
        values: ``[..., P]``, the residuals; those of items that were chosen mean nothing.
    """

    def __init__(self, fill: Fill, variances: np.ndarray, depth: int) -> None:
        self.values = variances.copy()
        self._fill = fill
        self._flat = self.values.reshape(-1)
        self._least = (SMALLEST * variances).reshape(-1)
        self._starts = places_of(variances)
        *lists, width = variances.shape
        self._rows = np.zeros((*lists, depth, width))
        self._near = columns_of(self._rows)
        self._product = product(self._rows)
        self._larger: Callable[..., Any] = np.maximum if lists else max
        self._root: Callable[..., Any] = np.sqrt if lists else math.sqrt
        self._count = 0

    def _spread(self, numbers: Any) -> Any:
        """One number a list, to be multiplied with ``[..., R, P]``."""
        return numbers if self.values.ndim == 1 else numbers[:, None, None]

    @abc.abstractmethod
    def choose(self, columns: np.ndarray) -> None:
        """Add one item a list, given by its column ``[...]``, to the chosen ones."""


def residuals(
    fill: Fill, variances: np.ndarray, rounds: int, window: int | None = None
) -> Residuals:
    """Nothing is chosen yet.

    Args:
        fill: the kernel, row by row.
        variances: ``[P]`` or ``[B, P]``, the diagonal of the kernel.
        rounds: how many items will be chosen.
        window: how many of the last chosen items count, or None for all of them.
    """
    if window is None or window >= rounds:
        return _Growing(fill, variances, rounds)
    return _Sliding(fill, variances, window)


@final
class _Growing(Residuals):
    """All chosen items count; ``_rows`` are those of the Cholesky factor."""

    def choose(self, columns: np.ndarray) -> None:
        count, places = self._count, self._starts + columns
        own = self._larger(self._flat[places], self._least[places])
        row = self._rows[..., count : count + 1, :]
        self._fill(columns, row)
        if count:
            mine = self._near(columns, count)[..., None, :]
            row -= self._product(mine, self._rows[..., :count, :])
        row *= self._spread(1.0 / self._root(own))
        self.values -= np.square(row[..., 0, :])
        self._count += 1


@final
class _Sliding(Residuals):
    """The last items count; ``_rows`` are those of the kernel, with one slot more than items."""

    def __init__(self, fill: Fill, variances: np.ndarray, window: int) -> None:
        super().__init__(fill, variances, window + 1)
        lists = variances.shape[:-1]
        self._window = window
        self._slots = [self._rows[..., slot : slot + 1, :] for slot in range(window + 1)]
        self._dual = np.zeros((*lists, window, window + 1))
        # Of the item that goes and the one that comes: their vectors in the basis, and how much the
        # directions that are theirs alone explain.
        self._vectors = np.zeros((*lists, 2, window))
        self._going, self._coming = self._vectors[..., 0, :], self._vectors[..., 1, :]
        self._changes = np.zeros((*lists, 2, variances.shape[-1]))
        self._less, self._more = self._changes[..., 0, :], self._changes[..., 1, :]
        self._weights = np.zeros((*lists, 3, 2))
        self._all = (slice(None),) * len(lists)

    def choose(self, columns: np.ndarray) -> None:
        places = self._starts + columns
        new = self._count % (self._window + 1)
        self._fill(columns, self._slots[new])
        # The new item's slot has no dual vector yet, so what stands there counts nothing.
        near = self._near(columns)
        if near.ndim == 1:
            np.dot(self._dual, near, out=self._coming)
        else:
            self._coming[...] = np.matmul(self._dual, near[..., None])[..., 0]
        own, least = self._flat[places], self._least[places]
        if self._count < self._window:
            self._grow(own, least, new)
        else:
            self._replace(own, least, new, (new + 1) % (self._window + 1))
        self._count += 1

    def _grow(self, own: np.ndarray, least: np.ndarray, new: int) -> None:
        """Add an item along the next vector of the basis, which is free yet."""
        scale = 1.0 / self._root(self._larger(own, least))
        made = self._product(self._vectors[..., 1:, :], self._dual)
        made *= self._spread(-scale)
        made[..., 0, new] = scale
        self._dual[..., self._count, :] = made[..., 0, :]
        self.values -= np.square(self._product(made, self._rows)[..., 0, :])

    def _replace(self, own: np.ndarray, least: np.ndarray, new: int, old: int) -> None:
        """Take the oldest item out and add another along the direction that this sets free."""
        self._going[...] = self._dual[..., old]
        products = self._product(self._vectors, self._dual)
        # Without a first axis not "...", which makes arrays of single numbers.
        first, second = products[*self._all, 0, old], products[*self._all, 1, old]
        shrink = 1.0 / self._root(first)
        along = second * shrink
        scale = 1.0 / self._root(self._larger(own + along * along, least))
        # What goes comes back and what comes goes, a^2 - b^2, is a product: (a - b) (a + b). Both
        # factors, and how the dual vectors turn, are made of the two products by these weights.
        weights, forward = self._weights, shrink * along * scale
        weights[..., 0, 0] = shrink - forward
        weights[..., 0, 1] = scale
        weights[..., 1, 0] = shrink + forward
        weights[..., 1, 1] = -scale
        weights[..., 2, 0] = (forward - shrink) * shrink
        weights[..., 2, 1] = -scale * shrink
        made = self._product(weights, products)
        made[..., 0, new] = -scale
        made[..., 1, new] = scale
        made[..., 2, new] = scale * shrink
        self._dual += self._product(self._going[..., None], made[..., 2:, :])
        self._product(made[..., :2, :], self._rows, out=self._changes)
        self._less *= self._more
        self.values += self._less

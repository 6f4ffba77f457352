"""`Neighbors`: item-item models that keep only some weights of each item."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import numpy as np

from shortlist.baselines._item_item import ItemItem
from shortlist.baselines._sparse import Sparse

__all__ = ["Neighbors", "keep_best"]


class Neighbors(ItemItem):
    """Scores by sparse weights, so that the catalogue may be large."""

    def _fill_sparse(self, items: np.ndarray, weights: Sparse, **more: np.ndarray) -> Self:
        arrays = {"starts": weights.starts, "columns": weights.columns, "values": weights.values}
        return self._fill(items, {**arrays, **more})

    @property
    def _weights(self) -> Sparse:
        arrays = self._fitted()
        return Sparse(arrays["starts"], arrays["columns"], arrays["values"], len(self.items))

    def _scores(self, seen: Sparse) -> np.ndarray:
        return np.concatenate([block for _, block in seen.product(self._weights)])


def keep_best(rows: Iterable[tuple[int, np.ndarray]], count: int | None, size: int) -> Sparse:
    """The largest ``count`` weights above 0 of each row, without the diagonal.

    Args:
        rows: blocks ``[B, size]`` of weights, each with its first row, as `Sparse.product` gives.
        count: how many are kept; None keeps all.
        size: the number of rows and columns.
    """
    owners, columns, values = [], [], []
    for start, block in rows:
        here = np.arange(len(block))
        block[here, start + here] = 0.0
        row, column = np.nonzero(block > 0)
        if count is not None:
            # By row and from the largest on; stable, so of equal weights the lower column first.
            order = np.lexsort((-block[row, column], row))
            row, column = row[order], column[order]
            kept = np.arange(len(row)) - np.searchsorted(row, row) < count
            row, column = row[kept], column[kept]
        owners.append(start + row)
        columns.append(column)
        values.append(block[row, column])
    parts = [np.concatenate(part) for part in (owners, columns, values)]
    return Sparse.of(parts[0], parts[1], parts[2], (size, size))

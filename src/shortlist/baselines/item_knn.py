"""`ItemKNN`: items like those in the history."""

from __future__ import annotations

from typing import final

import numpy as np

from shortlist.baselines._item_item import ItemItem
from shortlist.errors import ConfigError
from shortlist.index.base import check_k
from shortlist.ranked import select_top

__all__ = ["ItemKNN"]


@final
class ItemKNN(ItemItem):
    """Item-based top-N recommendation (Deshpande and Karypis 2004) with the cosine.

    The weight from item ``i`` to ``j`` is ``n_ij / (sqrt(n_i n_j) + shrinkage)``, with ``n_i`` the
    users of an item and ``n_ij`` those of both, kept for the ``neighbors`` largest of each ``i``.

    Args:
        neighbors: how many weights of each item are kept.
        shrinkage: draws the weights of rare items towards 0.

    Raises:
        ConfigError: ``neighbors`` is not a positive integer or ``shrinkage`` is negative.

    >>> from shortlist.data import Interactions
    >>> from shortlist.queries import Queries
    >>> train = Interactions({"user": [1, 1, 2, 2, 3, 3], "item": list("ababac")}, time=None)
    >>> ItemKNN().fit(train)(Queries.of(["new"], history=[["b"]]), k=1).lists()
    [['a']]
    """

    def __init__(self, *, neighbors: int = 100, shrinkage: float = 10.0) -> None:
        super().__init__()
        self.neighbors = check_k(neighbors)
        if not shrinkage >= 0:
            raise ConfigError(f"Expected a shrinkage of at least 0; received {shrinkage!r}.")
        self.shrinkage = shrinkage

    def _weigh(self, together: np.ndarray) -> np.ndarray:
        users = np.sqrt(np.diag(together))
        cosines = together / (np.outer(users, users) + np.float32(self.shrinkage))
        np.fill_diagonal(cosines, 0.0)
        kept = select_top(cosines, self.neighbors)
        weights = np.zeros_like(cosines)
        np.put_along_axis(weights, kept, np.take_along_axis(cosines, kept, axis=1), axis=1)
        return weights

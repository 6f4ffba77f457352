"""`EASE`: a linear model of items by items, in closed form."""

from __future__ import annotations

from typing import Self, final

import numpy as np

from shortlist.baselines._item_item import ItemItem
from shortlist.baselines._sparse import Sparse, met
from shortlist.data import Interactions
from shortlist.errors import ConfigError, DataError

__all__ = ["EASE"]

_LARGEST_CATALOGUE = 20_000


@final
class EASE(ItemItem):
    """Embarrassingly shallow autoencoders (Steck 2019), a strong baseline for small catalogues.

    The weights are ``I - P / diag(P)`` with ``P`` the inverse of ``X.T X + regularization I``,
    where ``X`` holds 1 for each item a user interacted with. No item has a weight to itself.

    Args:
        regularization: the L2 penalty, lambda in the paper.

    Raises:
        ConfigError: ``regularization`` is not positive.

    >>> from shortlist.data import Interactions
    >>> from shortlist.queries import Queries
    >>> train = Interactions({"user": [1, 1, 2, 2, 3, 3], "item": list("ababcd")}, time=None)
    >>> EASE(regularization=1.0).fit(train)(Queries.of(["new"], history=[["a"]]), k=1).lists()
    [['b']]
    """

    def __init__(self, *, regularization: float = 300.0) -> None:
        super().__init__()
        if not regularization > 0:
            raise ConfigError(
                f"Expected a positive regularization; received {regularization!r}. Without one "
                "the matrix may have no inverse."
            )
        self.regularization = regularization

    def fit(self, interactions: Interactions) -> Self:
        """Solve for the weights, from which items the same users interacted with.

        Raises:
            DataError: more than 20,000 items, for which the ``[N, N]`` weights are too large.
        """
        n = len(interactions.items)
        if n > _LARGEST_CATALOGUE:
            raise DataError(
                f"EASE expected at most {_LARGEST_CATALOGUE:,} items, since it inverts a matrix "
                f"of a number for each pair; received {n:,}. Filter out rare items first, or use "
                "ItemKNN or GFCF."
            )
        users = met(interactions)
        gram = np.empty((n, n), dtype=np.float64)
        for start, block in users.T.product(users):
            gram[start : start + len(block)] = block
        gram[np.diag_indices_from(gram)] += self.regularization
        inverse = np.linalg.inv(gram)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        return self._fill(interactions.items, {"weights": weights.astype(np.float32)})

    def _scores(self, seen: Sparse) -> np.ndarray:
        dense = np.zeros((len(seen), seen.width), dtype=np.float32)
        dense[seen.rows, seen.columns] = seen.values
        return dense @ self._fitted()["weights"]

    def _scores_at(self, seen: Sparse, columns: np.ndarray) -> np.ndarray:
        # Few of the weights are needed: those from each history to the columns asked for.
        weights = self._fitted()["weights"]
        width, flat = weights.shape[1], weights.reshape(-1)
        result = np.empty(columns.shape, dtype=np.float32)
        for row, wanted in enumerate(columns):
            met = seen.columns[seen.starts[row] : seen.starts[row + 1]].astype(np.int64)
            flat.take(met[:, None] * width + wanted).sum(axis=0, out=result[row])
        return result

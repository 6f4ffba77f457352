"""`EASE`: a linear model of items by items, in closed form."""

from __future__ import annotations

from typing import final

import numpy as np

from shortlist.baselines._item_item import ItemItem
from shortlist.errors import ConfigError

__all__ = ["EASE"]


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

    def _weigh(self, together: np.ndarray) -> np.ndarray:
        gram = together.astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.regularization
        inverse = np.linalg.inv(gram)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        return weights

"""`IALS`: implicit matrix factorisation by alternating least squares."""

from __future__ import annotations

from typing import Self, final

import numpy as np

from shortlist.baselines._factors import Factors
from shortlist.baselines._sparse import Sparse, met
from shortlist.data import Interactions
from shortlist.errors import ConfigError
from shortlist.queries import Queries

__all__ = ["IALS"]

_AT_ONCE = 512


@final
class IALS(Factors):
    r"""Implicit alternating least squares (Hu et al. 2008), as tuned by Rendle et al. 2022.

    "Revisiting the performance of iALS on item recommendation benchmarks". Minimises

        sum_{(u,i) met} (x_u . y_i - 1)^2 + alpha sum_{u,i} (x_u . y_i)^2
        + regularization (sum_u (n_u + alpha N)^nu |x_u|^2 + sum_i (n_i + alpha U)^nu |y_i|^2)

    by solving for all users and all items in turn. Any history is answered, also of users that were
    not trained on: its vector is the one that a user with it would have.

    Args:
        embedding_dim: the length of the vectors.
        epochs: how many times both sides are solved for.
        alpha: the weight of what was not met.
        regularization: the L2 penalty, lambda in the paper.
        nu: how far the penalty grows with the interactions of a user or item.
        seed: of the first vectors.

    Raises:
        ConfigError: an argument is out of range.

    >>> from shortlist.data import Interactions
    >>> from shortlist.queries import Queries
    >>> train = Interactions({"user": [1, 1, 2, 2, 3, 3], "item": list("ababcd")}, time=None)
    >>> query = Queries.of(["new"], history=[["a"]], exclude=[["a"]])
    >>> IALS(embedding_dim=2).fit(train)(query, k=1).lists()
    [['b']]
    """

    def __init__(
        self,
        *,
        embedding_dim: int = 64,
        epochs: int = 15,
        alpha: float = 0.1,
        regularization: float = 0.003,
        nu: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(embedding_dim=embedding_dim, epochs=epochs, seed=seed)
        if not (alpha >= 0 and regularization > 0):
            raise ConfigError(
                "Expected alpha of at least 0 and a positive regularization; received "
                f"{alpha!r} and {regularization!r}."
            )
        self.alpha = alpha
        self.regularization = regularization
        self.nu = nu

    def fit(self, interactions: Interactions) -> Self:
        """Solve for the vectors."""
        users = met(interactions)
        items = users.T
        scale = 0.1 / np.sqrt(self.embedding_dim)
        draw = np.random.default_rng(self.seed)
        vectors = draw.normal(0.0, scale, (users.width, self.embedding_dim)).astype(np.float32)
        self._users = len(users)
        for _ in range(self.epochs):
            vectors = self._solve(items, self._solve(users, vectors))
        return self._fill(interactions.items, vectors)

    def _vectors(self, queries: Queries) -> np.ndarray:
        return self._solve(self._histories(queries), self.item_vectors)

    def _solve(self, rows: Sparse, others: np.ndarray) -> np.ndarray:
        """The best vectors ``[R, D]`` of ``rows`` given those of the columns, ``others``."""
        size = others.shape[1]
        gram = self.alpha * (others.T @ others)
        counts = np.diff(rows.starts)
        penalty = self.regularization * (counts + self.alpha * len(others)) ** self.nu
        found = np.empty((len(rows), size), dtype=np.float32)
        for start in range(0, len(rows), _AT_ONCE):
            stop = min(start + _AT_ONCE, len(rows))
            left = np.empty((stop - start, size, size), dtype=np.float32)
            right = np.empty((stop - start, size, 1), dtype=np.float32)
            for row in range(start, stop):
                own = others[rows.columns[rows.starts[row] : rows.starts[row + 1]]]
                np.matmul(own.T, own, out=left[row - start])
                right[row - start, :, 0] = own.sum(axis=0)
            left += gram + penalty[start:stop, None, None] * np.eye(size)
            found[start:stop] = np.linalg.solve(left, right)[:, :, 0]
        return found

    def _options(self) -> dict[str, float | int]:
        names = ("embedding_dim", "epochs", "alpha", "regularization", "nu", "seed")
        return {name: getattr(self, name) for name in names}

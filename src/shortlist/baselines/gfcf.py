"""`GFCF`: a graph filter in closed form."""

from __future__ import annotations

from typing import Self, final

import numpy as np

from shortlist.baselines._neighbors import Neighbors, keep_best
from shortlist.baselines._sparse import Sparse, met
from shortlist.data import Interactions
from shortlist.errors import ConfigError

__all__ = ["GFCF"]

_OVERSAMPLING = 32
_SWEEPS = 8


@final
class GFCF(Neighbors):
    r"""Graph filter collaborative filtering: as good as graph convolutions, without training.

    Shen et al. 2021, "How powerful is graph convolution for recommendation?"

    With ``R`` 1 where a user met an item, ``R~ = D_u^-1/2 R D_i^-1/2`` and ``V`` its first ``rank``
    right singular vectors, a history ``h`` ``[N]`` of ones scores items by

        h (R~^T R~ + alpha D_i^-1/2 V V^T D_i^1/2)

    Args:
        rank: how many singular vectors make the ideal low-pass filter; at most the smaller of users
            and items.
        alpha: what it counts beside the linear filter.
        seed: of the random projection that finds the singular vectors (Halko et al. 2011).

    Raises:
        ConfigError: ``rank`` is not positive or ``alpha`` is negative.

    >>> from shortlist.data import Interactions
    >>> from shortlist.queries import Queries
    >>> train = Interactions({"user": [1, 1, 2, 2, 3, 3], "item": list("ababcd")}, time=None)
    >>> query = Queries.of(["new"], history=[["a"]], exclude=[["a"]])
    >>> GFCF(rank=2).fit(train)(query, k=1).lists()
    [['b']]
    """

    def __init__(self, *, rank: int = 256, alpha: float = 0.3, seed: int = 0) -> None:
        super().__init__()
        if rank < 1 or not alpha >= 0:
            raise ConfigError(
                f"Expected rank of at least 1 and alpha of at least 0; received {rank!r}, {alpha!r}"
            )
        self.rank = rank
        self.alpha = alpha
        self.seed = seed

    def fit(self, interactions: Interactions) -> Self:
        """Compute both filters."""
        users = met(interactions)
        n = users.width
        counts = np.bincount(users.columns, minlength=n).astype(np.float64)
        normal = users.scaled(np.diff(users.starts) ** -0.5, counts**-0.5)
        diagonal = np.bincount(normal.columns, normal.values**2, minlength=n)
        linear = keep_best(normal.T.product(normal), None, n)
        vectors = _right_singular(normal, min(self.rank, n, len(users)), self.seed)
        return self._fill_sparse(
            interactions.items,
            linear,
            diagonal=diagonal.astype(np.float32),
            left=(vectors * (self.alpha * counts[:, None] ** -0.5)).astype(np.float32),
            right=(vectors * counts[:, None] ** 0.5).T.astype(np.float32),
        )

    def _scores(self, seen: Sparse) -> np.ndarray:
        arrays = self._fitted()
        scores = super()._scores(seen)
        scores[seen.rows, seen.columns] += arrays["diagonal"][seen.columns]
        return scores + seen.times(arrays["left"]) @ arrays["right"]


def _right_singular(matrix: Sparse, rank: int, seed: int) -> np.ndarray:
    """The first right singular vectors ``[width, rank]``, by subspace iteration."""
    size = min(rank + _OVERSAMPLING, matrix.width, len(matrix))
    basis = np.random.default_rng(seed).standard_normal((matrix.width, size)).astype(np.float32)
    transposed = matrix.T
    for _ in range(_SWEEPS):
        basis = np.linalg.qr(transposed.times(matrix.times(basis)))[0]
    _, _, rotation = np.linalg.svd(matrix.times(basis), full_matrices=False)
    return (basis @ rotation.T)[:, :rank]

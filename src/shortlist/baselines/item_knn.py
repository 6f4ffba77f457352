"""`ItemKNN`: items like those in the history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, Self, final

import numpy as np

from shortlist.baselines._neighbors import Neighbors, keep_best
from shortlist.baselines._sparse import Sparse, met
from shortlist.data import Interactions
from shortlist.errors import ConfigError, nearest
from shortlist.index.base import check_k

__all__ = ["ItemKNN"]

_WEIGHTINGS = ("cosine", "normalized", "bm25")


@final
class ItemKNN(Neighbors):
    """Item-based top-N recommendation (Deshpande and Karypis 2004).

    With the cosine, the weight from item ``i`` to ``j`` is
    ``n_ij / (sqrt(n_i n_j) + shrinkage)``, with ``n_i`` the users of an item and ``n_ij`` those of
    both. Normalized, a user who met ``n_u`` items counts ``1 / n_u`` in each of these, as in the
    paper, so that those who meet everything say less. With BM25 it is the sum over the users of
    both of ``w_iu w_ju``, where
    ``w_iu = idf_u (k1 + 1) / (k1 (1 - b + b n_i / mean n) + 1)`` and
    ``idf_u = log(N / (1 + items of u))`` at the least 0: a user who met everything says little.
    Either is kept for the ``neighbors`` largest of each ``i``.

    Args:
        neighbors: how many weights of each item are kept.
        shrinkage: draws the cosines of rare items towards 0.
        weighting: ``"cosine"``, ``"normalized"`` or ``"bm25"``.
        k1: of BM25; the larger, the more the length counts.
        b: of BM25, in [0, 1]: how far the weights of popular items are lowered.

    Raises:
        ConfigError: ``neighbors`` is not a positive integer, ``shrinkage`` or ``k1`` is negative,
            ``b`` not in [0, 1], or ``weighting`` unknown.

    >>> from shortlist.data import Interactions
    >>> from shortlist.queries import Queries
    >>> train = Interactions({"user": [1, 1, 2, 2, 3, 3], "item": list("ababac")}, time=None)
    >>> ItemKNN().fit(train)(Queries.of(["new"], history=[["b"]]), k=1).lists()
    [['a']]
    """

    def __init__(
        self,
        *,
        neighbors: int = 100,
        shrinkage: float = 10.0,
        weighting: Literal["cosine", "normalized", "bm25"] = "cosine",
        k1: float = 100.0,
        b: float = 0.5,
    ) -> None:
        super().__init__()
        self.neighbors = check_k(neighbors)
        if not shrinkage >= 0:
            raise ConfigError(f"Expected a shrinkage of at least 0; received {shrinkage!r}.")
        if weighting not in _WEIGHTINGS:
            raise ConfigError(
                f"Expected a weighting among {_WEIGHTINGS}; received {weighting!r}."
                f"{nearest(weighting, _WEIGHTINGS)}"
            )
        if not (k1 >= 0 and 0 <= b <= 1):
            raise ConfigError(
                f"Expected k1 of at least 0 and b in [0, 1]; received {k1!r} and {b!r}."
            )
        self.shrinkage = shrinkage
        self.weighting = weighting
        self.k1 = k1
        self.b = b

    def fit(self, interactions: Interactions) -> Self:
        """Learn the weights from which items the same users interacted with."""
        users = met(interactions)
        counts = np.bincount(users.columns, minlength=users.width).astype(np.float64)
        if self.weighting == "bm25":
            users = self._weighted(users, counts)
        if self.weighting == "normalized":
            users = users.scaled(np.diff(users.starts) ** -0.5, None)
            counts = np.bincount(users.columns, users.values**2, users.width).astype(np.float64)
        weights: Iterable[tuple[int, np.ndarray]] = users.T.product(users)
        if self.weighting != "bm25":
            weights = self._cosines(weights, np.sqrt(counts).astype(np.float32))
        kept = keep_best(weights, self.neighbors, users.width)
        return self._fill_sparse(interactions.items, kept)

    def _cosines(
        self, together: Iterable[tuple[int, np.ndarray]], roots: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray]]:
        for start, block in together:
            lengths = np.outer(roots[start : start + len(block)], roots)
            yield start, block / (lengths + np.float32(self.shrinkage))

    def _weighted(self, users: Sparse, counts: np.ndarray) -> Sparse:
        length = 1.0 - self.b + self.b * counts / counts.mean()
        lowered = (self.k1 + 1.0) / (self.k1 * length + 1.0)
        rarity = np.log(users.width / (1.0 + np.diff(users.starts)))
        return users.scaled(np.maximum(rarity, 0.0), lowered)

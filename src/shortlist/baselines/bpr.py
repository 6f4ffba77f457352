"""`BPR`: matrix factorisation that learns to rank pairs."""

from __future__ import annotations

from typing import Self, final

import numpy as np
import polars as pl

from shortlist.baselines._factors import Factors
from shortlist.baselines._sparse import Sparse, met
from shortlist.bundle import Draft, Folder
from shortlist.data import Interactions
from shortlist.errors import ConfigError
from shortlist.ids import IdMap, as_ids
from shortlist.queries import Queries

__all__ = ["BPR"]

_SMALL = 1e-8


@final
class BPR(Factors):
    r"""Bayesian personalised ranking (Rendle et al. 2009) of a matrix factorisation.

    For a user, an item it met and one drawn uniformly from the others, minimises

        -log sigmoid(x_u . y_i - x_u . y_j) + regularization / 2 (|x_u|^2 + |y_i|^2 + |y_j|^2)

    with Adagrad on the rows a batch meets. Users who were not trained on are given the mean of the
    vectors of their history.

    Args:
        embedding_dim: the length of the vectors.
        epochs: passes over the interactions.
        learning_rate: of Adagrad.
        regularization: the L2 penalty.
        batch_size: triples in a step.
        seed: of the first vectors and the draws.

    Raises:
        ConfigError: an argument is out of range.

    >>> from shortlist.data import Interactions
    >>> from shortlist.queries import Queries
    >>> train = Interactions({"user": [1, 1, 2, 2, 3, 3], "item": list("ababcd")}, time=None)
    >>> query = Queries.of(["new"], history=[["a"]], exclude=[["a"]])
    >>> BPR(embedding_dim=4, epochs=300).fit(train)(query, k=1).lists()
    [['b']]
    """

    def __init__(
        self,
        *,
        embedding_dim: int = 64,
        epochs: int = 100,
        learning_rate: float = 0.05,
        regularization: float = 0.01,
        batch_size: int = 4096,
        seed: int = 0,
    ) -> None:
        super().__init__(embedding_dim=embedding_dim, epochs=epochs, seed=seed)
        if not (learning_rate > 0 and regularization >= 0 and batch_size >= 1):
            raise ConfigError(
                "Expected a positive learning_rate, a regularization of at least 0 and a "
                f"batch_size of at least 1; received {learning_rate!r}, {regularization!r} and "
                f"{batch_size!r}."
            )
        self.learning_rate = learning_rate
        self.regularization = regularization
        self.batch_size = batch_size

    def fit(self, interactions: Interactions) -> Self:
        """Learn the vectors."""
        seen = met(interactions)
        draw = np.random.default_rng(self.seed)
        shapes = [(size, self.embedding_dim) for size in (len(seen), seen.width)]
        x, y = (_Table(draw.normal(0, 0.1, shape), self.learning_rate) for shape in shapes)
        users, keys = seen.rows, seen.rows * seen.width + seen.columns
        for _ in range(self.epochs):
            order = draw.permutation(len(users))
            negatives = _unmet(draw, users, keys, seen.width)
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size]
                self._step(x, y, users[rows], seen.columns[rows], negatives[rows])
        self._known(interactions.users, x.values)
        return self._fill(interactions.items, y.values)

    def _step(
        self,
        users: _Table,
        items: _Table,
        user: np.ndarray,
        positive: np.ndarray,
        negative: np.ndarray,
    ) -> None:
        x, y, z = users.values[user], items.values[positive], items.values[negative]
        apart = y - z
        # The derivative of -log sigmoid at the margin, written so that exp cannot overflow.
        slope = -0.5 * (1.0 - np.tanh(0.5 * np.einsum("bd,bd->b", x, apart)))[:, None]
        users.update(user, slope * apart + self.regularization * x)
        pull = slope * x
        gradient = np.concatenate([pull + self.regularization * y, self.regularization * z - pull])
        items.update(np.concatenate([positive, negative]), gradient)

    def _known(self, users: np.ndarray, vectors: np.ndarray) -> None:
        self.users, self.user_vectors = users, vectors
        self._user_places = IdMap(users)

    def _vectors(self, queries: Queries) -> np.ndarray:
        places = self._user_places.of(queries.users)
        histories = self._histories(queries)
        lengths = np.maximum(np.diff(histories.starts), 1)[:, None]
        means = histories.times(self.item_vectors) / lengths
        return np.where((places >= 0)[:, None], self.user_vectors[np.maximum(places, 0)], means)

    def write(self, draft: Draft) -> None:
        """Write users, items, vectors and options into a part of a bundle."""
        super().write(draft)
        draft.write_table("users.parquet", pl.DataFrame({"user": self.users.tolist()}))

    def _options(self) -> dict[str, float | int]:
        names = (
            "embedding_dim", "epochs", "learning_rate", "regularization", "batch_size", "seed"
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"items": self.item_vectors, "users": self.user_vectors}

    def _restored(self, items: np.ndarray, arrays: dict[str, np.ndarray], folder: Folder) -> Self:
        users = as_ids(folder.read_table("users.parquet")["user"].to_list())
        self._known(users, arrays["users"])
        return super()._restored(items, arrays, folder)


class _Table:
    """Vectors and their sums of squared gradients."""

    def __init__(self, values: np.ndarray, learning_rate: float) -> None:
        self.values = values.astype(np.float32)
        self._squares = np.full_like(self.values, _SMALL)
        self._rate = np.float32(learning_rate)

    def update(self, rows: np.ndarray, gradient: np.ndarray) -> None:
        """A step of Adagrad; the gradients of one row add up first."""
        distinct, owners = np.unique(rows, return_inverse=True)
        one = np.ones(len(rows), dtype=np.float32)
        gathered = Sparse.of(owners, np.arange(len(rows)), one, (len(distinct), len(rows)))
        total = gathered.times(gradient.astype(np.float32, copy=False))
        squares = self._squares[distinct] + total**2
        self._squares[distinct] = squares
        self.values[distinct] -= self._rate * total / np.sqrt(squares)


def _unmet(draw: np.random.Generator, users: np.ndarray, keys: np.ndarray, n: int) -> np.ndarray:
    """For each interaction an item drawn from those its user did not meet.

    ``keys`` are ``user * n + item`` of all interactions, ascending within the whole. A few draws
    are tried; a user who met nearly everything may then be given an item it met.
    """
    ordered = np.sort(keys)
    drawn = draw.integers(0, n, len(users))
    for _ in range(5):
        asked = users * n + drawn
        found = np.minimum(np.searchsorted(ordered, asked), len(ordered) - 1)
        wrong = np.flatnonzero(ordered[found] == asked)
        if not len(wrong):
            break
        drawn[wrong] = draw.integers(0, n, len(wrong))
    return drawn

"""A two-tower model whose vectors are smoothed over the graph of who met what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist.data import Interactions
from shortlist.ids import IdMap
from shortlist.index import Exact
from shortlist.layers import LightGraphConvolution
from shortlist.losses import sampled_softmax
from shortlist.models import Model
from shortlist.queries import Queries
from shortlist.ranked import Ranked

_START = 0.1
_WARMUP = 20
_LAST_RATE = 0.02


class GraphTowers(Model):
    """Smoothed vectors whose products are told apart by a softmax over a sample of the items."""

    def __init__(
        self,
        train: Interactions,
        *,
        embedding_dim: int,
        layers: int,
        temperature: float,
        popularity: float,
        seed: int,
    ) -> None:
        super().__init__()
        shape = len(train.users), len(train.items)
        self.temperature = temperature
        self.smooth = LightGraphConvolution(layers)
        self.smooth.connect(train.user_codes, train.item_codes, shape=shape)
        counts = np.bincount(train.item_codes, minlength=shape[1])
        self.lengths = (counts[:, None] ** popularity).astype(np.float32)
        # Smoothing reads every row, so these are tables of Keras, whose optimizer writes them all.
        self.users = keras.layers.Embedding(shape[0], embedding_dim)
        self.items = keras.layers.Embedding(shape[1], embedding_dim)
        tables = self.users, self.items
        starts = self.smooth.singular_vectors(embedding_dim, seed=seed)
        for table, start in zip(tables, starts, strict=True):
            table.build(())
            table.embeddings.assign(start * _START * len(start) ** 0.5)

    def vectors(self) -> tuple[Any, Any]:
        """All users, of length 1, and all items, the longer the more often they were met."""
        users, items = self.smooth(
            ops.convert_to_tensor(self.users.embeddings),
            ops.convert_to_tensor(self.items.embeddings),
        )
        items = ops.multiply(ops.normalize(items, axis=1), self.lengths)
        return ops.normalize(users, axis=1), items

    def compute_loss(self, features: Any, training: bool = False) -> Any:
        """The softmax of each user's items among the sampled ones."""
        users, items = self.vectors()
        return sampled_softmax(
            ops.take(users, features["user"], axis=0),
            ops.take(items, features["candidate"], axis=0),
            rows=features["row"],
            positives=features["positive"],
            log_q=features["log_q"],
            sample_weight=features["weight"],
            temperature=self.temperature,
            reduction="mean",
        )


class UserBatches(keras.utils.PyDataset):
    """Batches of users with a few of the items of each, and items drawn uniformly."""

    def __init__(
        self, train: Interactions, *, batch_size: int, positives: int, negatives: int, seed: int
    ) -> None:
        super().__init__()
        order = np.argsort(train.user_codes, kind="stable")
        self._items = train.item_codes[order].astype(np.int64)
        self._starts = np.searchsorted(train.user_codes[order], np.arange(len(train.users) + 1))
        self._batch_size, self._positives, self._negatives = batch_size, positives, negatives
        counts = np.diff(self._starts)
        # How often a batch of one user would hold each item among the positives.
        share = np.repeat(np.minimum(1, positives / counts), counts)
        self._rate = np.bincount(self._items, share, len(train.items)) / len(counts)
        self._draw = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self._order) // self._batch_size

    def on_epoch_end(self) -> None:
        self._order = self._draw.permutation(len(self._starts) - 1)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray]]:
        users = np.sort(self._order[index * self._batch_size :][: self._batch_size])
        counts = self._starts[users + 1] - self._starts[users]
        row, item = self._some(users, counts)
        kept = np.bincount(row, minlength=len(users))
        catalogue = len(self._rate)
        drawn = self._draw.integers(0, catalogue, self._negatives)
        candidate, positive = np.unique(np.concatenate([item, drawn]), return_inverse=True)
        expected = self._rate[candidate] * len(users) + self._negatives / catalogue
        batch = {
            "user": users.astype(np.int32),
            "row": row.astype(np.int32),
            "candidate": candidate.astype(np.int32),
            "positive": positive[: len(row)].astype(np.int32),
            "log_q": np.log(-np.expm1(-expected)).astype(np.float32),
            # A user weighs the root of the number of its items.
            "weight": (counts**0.5 / kept)[row].astype(np.float32),
        }
        return (batch,)

    def _some(self, users: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The row and the item of up to ``positives`` interactions of each user, at random."""
        row = np.repeat(np.arange(len(users)), counts)
        first = np.cumsum(counts) - counts
        at = np.repeat(self._starts[users] - first, counts) + np.arange(len(row))
        order = np.lexsort((self._draw.random(len(row)), row))
        row, at = row[order], at[order]
        taken = np.arange(len(row)) - first[row] < self._positives
        return row[taken], self._items[at[taken]]


def trained(
    train: Interactions,
    *,
    embedding_dim: int = 256,
    layers: int = 3,
    temperature: float = 0.2,
    popularity: float = 0.17,
    served_popularity: float = 0.22,
    learning_rate: float = 0.005,
    epochs: int = 3,
    batch_size: int = 1024,
    positives: int = 8,
    negatives: int = 4096,
    seed: int = 0,
) -> Callable[[Queries, int], Ranked]:
    """Train on interactions; the retriever searches users' vectors among the items'.

    An item's vector is as long as the number of its interactions to the power ``popularity``; to
    the power ``served_popularity`` where it is searched, since what a user has not met yet owes
    more to popularity than what the model was trained on.
    """
    keras.utils.set_random_seed(seed)
    model = GraphTowers(
        train,
        embedding_dim=embedding_dim,
        layers=layers,
        temperature=temperature,
        popularity=popularity,
        seed=seed,
    )
    batches = UserBatches(
        train, batch_size=batch_size, positives=positives, negatives=negatives, seed=seed
    )
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate / _WARMUP,
        len(batches) * epochs - _WARMUP,
        alpha=_LAST_RATE,
        warmup_target=learning_rate,
        warmup_steps=_WARMUP,
    )
    model.compile(keras.optimizers.Adam(rate))
    model.fit(batches, epochs=epochs, verbose=0)
    users, items = (ops.convert_to_numpy(x) for x in model.vectors())
    longer = model.lengths ** (served_popularity / popularity - 1)
    index = Exact().build(items * longer, train.items)
    places = IdMap(train.users)

    def retrieve(queries: Queries, k: int) -> Ranked:
        found = places.of(queries.users)
        return index.search(users[found] * (found >= 0)[:, None], k, deny=queries.exclude)

    return retrieve

"""`RatingFactors`: a rating from biases, factors and the items a user has rated (SVD++)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist.errors import DataError, SchemaError, nearest
from shortlist.layers.embedding import Embedding
from shortlist.models.base import Model
from shortlist.models.inference import in_blocks
from shortlist.tasks import Ranking

Tensor = Any

__all__ = ["RatedItems", "RatingFactors", "RatingModel"]


class RatedItems:
    r"""What each user has rated, and how, as a column for `shortlist.data.Batches`.

    A row has two numbers for every item: whether the user rated it, and how far that rating is from
    the mean, the user's and the item's usual distance from it; both over the square root of how
    many the user rated. The row of an event leaves out the event's own item, whose rating is to be
    predicted.

    Rows are dense, ``2 x items`` numbers, and made as batches are: for catalogues of some
    thousands of items.

    Args:
        users: ``[N]`` user codes of the training events; 0 is unknown.
        items: ``[N]`` item codes; 0 is unknown and left out.
        ratings: ``[N]``.
        size: how many user and how many item codes there are, 0 included.
        damping: how many mean ratings each user and item begins with, in their biases.

    Attributes:
        mean: the mean rating.
        user_bias: ``[size[0]]``, the usual distance of each user from mean and items.
        item_bias: ``[size[1]]``.

    Raises:
        DataError: the columns have different lengths, or a code is beyond ``size``.

    >>> rated = RatedItems(np.array([1, 1]), np.array([1, 2]), np.array([5.0, 1.0]), (2, 3))
    >>> item, rest = np.split(rated.take(np.array([0]))[0], 2)    # without item 1
    >>> item.tolist(), bool(rest[2] < 0)
    ([0.0, 0.0, 1.0], True)
    """

    def __init__(
        self,
        users: np.ndarray,
        items: np.ndarray,
        ratings: np.ndarray,
        size: tuple[int, int],
        *,
        damping: float = 5.0,
    ) -> None:
        users, items = np.asarray(users, np.int64), np.asarray(items, np.int64)
        ratings = np.asarray(ratings, np.float64)
        if not users.shape == items.shape == ratings.shape or users.ndim != 1:
            raise DataError(
                "RatedItems expected users, items and ratings of one length [N]; received "
                f"{users.shape}, {items.shape} and {ratings.shape}."
            )
        for name, codes, count in (("user", users, size[0]), ("item", items, size[1])):
            if len(codes) and not (codes.min() >= 0 and codes.max() < count):
                raise DataError(
                    f"RatedItems expected {name} codes from 0 to {count - 1}; received "
                    f"{codes.min()} to {codes.max()}."
                )
        self.size = size
        self._users, self._items = users, items
        self.mean = float(ratings.mean()) if len(ratings) else 0.0
        self.user_bias, self.item_bias = _biases(users, items, ratings - self.mean, size, damping)
        order = np.argsort(users, kind="stable")
        order = order[items[order] > 0]
        self._rated = items[order]
        rest = ratings - self.mean - self.user_bias[users] - self.item_bias[items]
        self._rest = rest[order].astype(np.float32)
        self._count = np.bincount(users[order], minlength=size[0])
        self._first = np.cumsum(self._count) - self._count

    def __len__(self) -> int:
        """The number of events."""
        return len(self._users)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """``[B, 2 x items]`` float32 for the events at ``rows``, without their own items."""
        return self._dense(self._users[rows], self._items[rows])

    def for_users(self, users: np.ndarray) -> np.ndarray:
        """``[B, 2 x items]`` float32, all that these users (codes) have rated."""
        users = np.asarray(users, np.int64)
        return self._dense(users, np.zeros_like(users))

    def _dense(self, users: np.ndarray, own: np.ndarray) -> np.ndarray:
        count, width = self._count[users], self.size[1]
        row = np.repeat(np.arange(len(users)), count)
        within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        place = np.repeat(self._first[users], count) + within
        dense = np.zeros((len(users), 2 * width), dtype=np.float32)
        dense[row, self._rated[place]] = 1.0
        dense[row, width + self._rated[place]] = self._rest[place]
        here = np.arange(len(users))
        # Unknown items stand in column 0, where nothing is.
        dense[here, own] = dense[here, width + own] = 0.0
        number = dense[:, :width].sum(axis=1, keepdims=True)
        dense /= np.sqrt(np.maximum(number, 1.0))
        return dense


@keras.saving.register_keras_serializable(package="shortlist")
class RatingFactors(keras.layers.Layer):
    r"""A mean, a bias of each user and item, and the product of a user's and an item's factors.

    .. math:: \hat r_{ui} = \mu + b_u + b_i + q_i \cdot \Big( p_u
              + |R_u|^{-1/2} \sum_{j \in R_u} (y_j + (r_{uj} - \mu - b_u - b_j) \, x_j) \Big)

    What a user has rated, and how, so speaks for the user beside the user's own factors. Users
    and items are codes with 0 for the unknown, whose rows learn nothing but their start. In
    training the squares of all factors of each example's user and item are added to the loss,
    ``penalty`` times, so that a row shrinks as often as it is seen; the bias a tenth of it.

    Args:
        users: how many user codes, 0 included.
        items: how many item codes, 0 included.
        rated: read what else the user has rated, as `RatedItems` gives it.
        embedding_dim: the length of the factors.
        initial: the mean rating.
        penalty: of the factors.

    Call arguments:
        user: ``[B]`` codes.
        item: ``[B]`` codes.
        rated: ``[B, 2 x items]`` of `RatedItems`, or None.
        user_vector: ``[B, embedding_dim]`` that is added to the user's factors, such as what a
            tower says of them, or None; the penalty is of the sum.
        item_vector: likewise of the item.

    Returns:
        ``[B]`` ratings.

    Reference: Koren 2008, "Factorization meets the neighborhood: a multifaceted collaborative
    filtering model" (SVD++ with the explicit part of its asymmetric model).
    """

    def __init__(
        self,
        users: int,
        items: int,
        *,
        rated: bool = False,
        embedding_dim: int = 64,
        initial: float = 0.0,
        penalty: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = {
            "users": users,
            "items": items,
            "rated": rated,
            "embedding_dim": embedding_dim,
            "initial": initial,
            "penalty": penalty,
        }
        self.penalty = penalty
        self.user_factors = _factors(users, embedding_dim, "user_factors")
        self.item_factors = _factors(items, embedding_dim, "item_factors")
        self.user_bias = Embedding(users, 1, embeddings_initializer="zeros", name="user_bias")
        self.item_bias = Embedding(items, 1, embeddings_initializer="zeros", name="item_bias")
        self.history = None
        if rated:
            start = keras.initializers.RandomNormal(stddev=0.05)
            self.history = keras.layers.Dense(
                embedding_dim, use_bias=False, kernel_initializer=start, name="rated_factors"
            )

    def build(self, *shapes: Any, **more: Any) -> None:
        """Create the tables; their sizes are known beforehand."""
        del shapes, more
        self.mean = self.add_weight(
            (), keras.initializers.Constant(self.settings["initial"]), name="mean"
        )
        for table in (self.user_factors, self.item_factors, self.user_bias, self.item_bias):
            table.build(())
        if self.history is not None:
            self.history.build((None, 2 * self.settings["items"]))
        self.built = True

    def call(
        self,
        user: Tensor,
        item: Tensor,
        rated: Tensor | None = None,
        user_vector: Tensor | None = None,
        item_vector: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """The ratings of a batch."""
        user, item = ops.cast(user, "int32"), ops.cast(item, "int32")
        p, q = self.user_factors(user), self.item_factors(item)
        p = p if user_vector is None else p + user_vector
        q = q if item_vector is None else q + item_vector
        user_bias, item_bias = self.user_bias(user)[:, 0], self.item_bias(item)[:, 0]
        if training:
            squares = ops.mean(ops.sum(p * p + q * q, axis=-1) + self._of_rated(item))
            biases = ops.mean(user_bias * user_bias + item_bias * item_bias)
            self.add_loss(self.penalty * (squares + 0.1 * biases))
        if self.history is not None and rated is not None:
            p = p + self.history(rated)
        return self.mean + user_bias + item_bias + ops.sum(p * q, axis=-1)

    def begin_at(self, rated: RatedItems) -> None:
        """Start from the mean and the biases that were counted, rather than from none."""
        if not self.built:
            self.build()
        self.mean.assign(rated.mean)
        self.user_bias.set_weights([rated.user_bias[:, None]])
        self.item_bias.set_weights([rated.item_bias[:, None]])

    def _of_rated(self, item: Tensor) -> Tensor:
        """The squares of what an item says of those who have rated it, ``[B]``."""
        if self.history is None:
            return 0.0
        kernel, width = self.history.kernel, self.settings["items"]
        both = [ops.take(kernel, rows, axis=0) for rows in (item, item + width)]
        return sum(ops.sum(rows * rows, axis=-1) for rows in both)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), **self.settings}


@keras.saving.register_keras_serializable(package="shortlist")
class RatingModel(Model):
    """`RatingFactors` as a model that predicts ratings.

    A batch is a dict of ``user`` ``[B]``, ``item`` ``[B]``, with ``rated=True`` also ``rated``,
    for ``fit`` also ``label`` ``[B]`` and optionally ``sample_weight``. The loss is the mean
    squared error; the logs hold ``rmse``.

    Args:
        factors: the arguments of `RatingFactors`.

    Raises:
        SchemaError: a column is missing in a batch.

    >>> model = RatingModel(users=3, items=3, initial=3.5)
    >>> score = model.score({"user": np.array([1]), "item": np.array([2])})
    >>> bool(abs(score[0] - 3.5) < 0.5)
    True
    """

    def __init__(self, users: int, items: int, *, name: str | None = None, **factors: Any) -> None:
        super().__init__(name=name)
        self.factors = RatingFactors(users, items, **factors)
        self.task = Ranking(
            keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
            metrics=[keras.metrics.RootMeanSquaredError(name="rmse")],
        )

    @property
    def names(self) -> list[str]:
        """The columns it reads."""
        return ["user", "item"] + (["rated"] if self.factors.history is not None else [])

    def build(self, input_shape: Any = None) -> None:
        """Create every weight; the sizes say all that is needed."""
        del input_shape
        if not self.factors.built:
            self.factors.build()
        self.built = True

    def call(self, features: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """The ratings ``[B]``."""
        for name in self.names:
            if name not in features:
                raise SchemaError(
                    f"RatingModel expected {name!r} in a batch; received {sorted(features)}."
                    f"{nearest(name, features)}"
                )
        given = {name: features[name] for name in self.names}
        return self.factors(**given, training=training)

    def compute_loss(self, features: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """The mean squared error of a batch."""
        if "label" not in features:
            raise SchemaError(
                f"RatingModel expected 'label' in a batch; received {sorted(features)}."
            )
        predicted = self(features, training=training)
        return self.task(
            features["label"], predictions=predicted, sample_weight=features.get("sample_weight")
        )

    def score(self, features: Mapping[str, Any]) -> np.ndarray:
        """The ratings of NumPy columns of any number of rows, in blocks."""
        return in_blocks(self, {name: np.asarray(features[name]) for name in self.names})

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"name": self.name, **self.factors.settings}


def _biases(
    users: np.ndarray,
    items: np.ndarray,
    distances: np.ndarray,
    size: tuple[int, int],
    damping: float,
) -> tuple[np.ndarray, np.ndarray]:
    """How far each user and each item usually is from the mean, one given the other."""
    user, item = (np.zeros(count) for count in size)
    for _ in range(5):
        item = _shrunk(items, distances - user[users], size[1], damping)
        user = _shrunk(users, distances - item[items], size[0], damping)
    return user.astype(np.float32), item.astype(np.float32)


def _shrunk(codes: np.ndarray, values: np.ndarray, size: int, damping: float) -> np.ndarray:
    means = np.bincount(codes, values, size) / (np.bincount(codes, minlength=size) + damping)
    means[0] = 0.0  # nothing is known of the unknown
    return means


def _factors(size: int, dim: int, name: str, **options: Any) -> Embedding:
    start = keras.initializers.RandomNormal(stddev=0.05)
    return Embedding(size, dim, embeddings_initializer=start, name=name, **options)

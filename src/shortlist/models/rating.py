"""`RatingFactors`: a rating from biases, factors and the items a user has rated (SVD++)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from shortlist.errors import ConfigError, SchemaError, nearest
from shortlist.layers.embedding import Embedding
from shortlist.models.base import Model
from shortlist.models.inference import in_blocks
from shortlist.tasks import Ranking

Tensor = Any

__all__ = ["RatingFactors", "RatingModel", "rated_codes"]


def rated_codes(items: np.ndarray, ratings: np.ndarray, levels: int) -> np.ndarray:
    """One code for an item and how it was rated, for a history of what a user rated and how.

    Args:
        items: ``[...]`` item codes; 0 is padding or unknown and stays 0.
        ratings: of the same shape, whole numbers ``1 .. levels``.
        levels: how many ratings there are.

    Returns:
        int32 codes ``1 .. items * levels``, 0 where the item is 0.

    Raises:
        ConfigError: a rating is none of the levels.

    >>> rated_codes(np.array([1, 2, 0]), np.array([5, 1, 3]), levels=5).tolist()
    [5, 6, 0]
    """
    items, ratings = np.asarray(items), np.asarray(ratings)
    whole = ratings.astype(np.int64)
    if ((whole != ratings) | (whole < 1) | (whole > levels)).any():
        raise ConfigError(
            f"rated_codes expected whole ratings from 1 to {levels}; received values from "
            f"{ratings.min()} to {ratings.max()}. Give half stars twice their number."
        )
    return np.where(items > 0, (items.astype(np.int64) - 1) * levels + whole, 0).astype(np.int32)


@keras.saving.register_keras_serializable(package="shortlist")
class RatingFactors(keras.layers.Layer):
    r"""A mean, a bias of each user and item, and the product of a user's and an item's factors.

    .. math:: \hat r_{ui} = \mu + b_u + b_i + q_i \cdot \Big( p_u
              + |R_u|^{-1/2} \sum_{j \in R_u} e_{j, r_{uj}} \Big)

    What a user has rated, and how, so speaks for the user beside the user's own factors. Users
    and items are codes with 0 for the unknown, whose rows learn nothing but their start. In
    training the squares of the factors of each example's user and item are added to the loss,
    ``penalty`` times, so that a row shrinks as often as it is seen; the bias a tenth of it.

    Args:
        users: how many user codes, 0 included.
        items: how many item codes, 0 included.
        levels: how many ratings there are, for ``rated``; 0 for none of it.
        embedding_dim: the length of the factors.
        initial: the mean rating.
        penalty: of the factors.
        history_penalty: of each distinct row of the history's table in a batch.

    Call arguments:
        user: ``[B]`` codes.
        item: ``[B]`` codes.
        rated: ``[B, H]`` codes of `rated_codes`, without the example's own item; None without.
        user_vector: ``[B, embedding_dim]`` that is added to the user's factors, such as what a
            tower says of them, or None.
        item_vector: likewise of the item.

    Returns:
        ``[B]`` ratings.

    Reference: Koren 2008, "Factorization meets the neighborhood: a multifaceted collaborative
    filtering model", with a vector for each item and rating as in its asymmetric model.
    """

    def __init__(
        self,
        users: int,
        items: int,
        *,
        levels: int = 0,
        embedding_dim: int = 64,
        initial: float = 0.0,
        penalty: float = 0.15,
        history_penalty: float = 4e-5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = {
            "users": users,
            "items": items,
            "levels": levels,
            "embedding_dim": embedding_dim,
            "initial": initial,
            "penalty": penalty,
            "history_penalty": history_penalty,
        }
        self.penalty = penalty
        self.user_factors = _factors(users, embedding_dim, "user_factors")
        self.item_factors = _factors(items, embedding_dim, "item_factors")
        self.user_bias = Embedding(users, 1, embeddings_initializer="zeros", name="user_bias")
        self.item_bias = Embedding(items, 1, embeddings_initializer="zeros", name="item_bias")
        self.history = None
        if levels:
            self.history = _factors(
                (items - 1) * levels + 1,
                embedding_dim,
                "rated_factors",
                combiner="sqrtn",
                mask_zero=True,
                embeddings_regularizer=keras.regularizers.L2(history_penalty),
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
            self.history.build(())
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
        user_bias, item_bias = self.user_bias(user)[:, 0], self.item_bias(item)[:, 0]
        if training:
            squares = ops.mean(ops.sum(p * p + q * q, axis=-1))
            biases = ops.mean(user_bias * user_bias + item_bias * item_bias)
            self.add_loss(self.penalty * (squares + 0.1 * biases))
        if self.history is not None and rated is not None:
            p = p + self.history(ops.cast(rated, "int32"))
        p = p if user_vector is None else p + user_vector
        q = q if item_vector is None else q + item_vector
        return self.mean + user_bias + item_bias + ops.sum(p * q, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), **self.settings}


@keras.saving.register_keras_serializable(package="shortlist")
class RatingModel(Model):
    """`RatingFactors` as a model that predicts ratings.

    A batch is a dict of ``user`` ``[B]``, ``item`` ``[B]``, where there are ``levels`` also
    ``rated`` ``[B, H]``, for ``fit`` also ``label`` ``[B]`` and optionally ``sample_weight``. The
    loss is the mean squared error; the logs hold ``rmse``.

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


def _factors(size: int, dim: int, name: str, **options: Any) -> Embedding:
    start = keras.initializers.RandomNormal(stddev=0.05)
    return Embedding(size, dim, embeddings_initializer=start, name=name, **options)

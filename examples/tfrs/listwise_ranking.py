"""Listwise ranking: learn from single ratings, from pairs or from whole lists, and compare.

Runs on every backend (``KERAS_BACKEND``). Prints the NDCG of lists of five films that the user
rated, held out of training, of a model trained with each loss.
"""

from __future__ import annotations

import argparse
from typing import Any

from shortlist import tfrs  # before keras, so that a missing KERAS_BACKEND is chosen

import keras  # isort: skip
import numpy as np

from shortlist.datasets import movielens
from shortlist.features import Categorical, Encoder
from shortlist.losses import list_mle_loss, pairwise_hinge_loss
from shortlist.tfrs.examples.movielens import sample_listwise

Columns = dict[str, np.ndarray]


def lists_of(columns: Columns, per_user: int) -> Columns:
    """Lists of five films; on TensorFlow, where they come as a data set, as one batch of it."""
    lists = sample_listwise(columns, per_user, num_examples_per_list=5, seed=42)
    return lists if isinstance(lists, dict) else next(lists.batch(len(lists)).as_numpy_iterator())


def load(rows: int | None) -> tuple[Columns, Columns, dict[str, int]]:
    """Lists to learn from and to test on, and the sizes of the embeddings."""
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.sample(fraction=1.0, shuffle=True, seed=42).head(rows or len(ratings))
    encoder = Encoder([Categorical("user"), Categorical("title")]).fit(ratings)
    codes = encoder.transform(ratings)
    columns = {
        "user_id": codes["user"],
        "movie_title": codes["title"],
        "user_rating": ratings["rating"].to_numpy(),
    }
    edge = len(ratings) * 4 // 5
    train = lists_of({name: column[:edge] for name, column in columns.items()}, per_user=50)
    test = lists_of({name: column[edge:] for name, column in columns.items()}, per_user=1)
    return train, test, {name: info.size for name, info in encoder.describe().items()}


class RankingModel(tfrs.Model):
    def __init__(self, sizes: dict[str, int], loss: Any):
        super().__init__()
        self.user_embeddings = keras.layers.Embedding(sizes["user"], 32)
        self.movie_embeddings = keras.layers.Embedding(sizes["title"], 32)
        self.score_model = keras.Sequential(
            [
                keras.layers.Dense(256, activation="relu"),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(1),
            ]
        )
        self.task = tfrs.tasks.Ranking(loss=loss)

    def call(self, features):
        films = self.movie_embeddings(features["movie_title"])
        users = keras.ops.expand_dims(self.user_embeddings(features["user_id"]), 1)
        users = keras.ops.repeat(users, films.shape[1], axis=1)
        scores = self.score_model(keras.ops.concatenate([users, films], axis=2))
        return keras.ops.squeeze(scores, axis=-1)

    def compute_loss(self, features, training=False):  # noqa: ARG002
        return self.task(labels=features["user_rating"], predictions=self(features))


def ndcg(stars: np.ndarray, scores: np.ndarray) -> float:
    """The mean NDCG with gains ``2 ** stars - 1`` of the lists as the scores order them."""
    discounts = 1 / np.log2(np.arange(stars.shape[1]) + 2)
    gains = 2.0**stars - 1
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.take_along_axis(gains, order, axis=1) @ discounts
    return float(np.mean(found / (-np.sort(-gains, axis=1) @ discounts)))


def main(epochs: int = 30, quick: bool = False, seed: int = 42) -> dict[str, float]:
    train, test, sizes = load(10_000 if quick else None)
    losses = {
        "MSE": keras.losses.MeanSquaredError(),
        "pairwise hinge": pairwise_hinge_loss,
        "ListMLE": list_mle_loss,
    }
    figures = {}
    for name, loss in losses.items():
        keras.utils.set_random_seed(seed)
        model = RankingModel(sizes, loss)
        model.compile(optimizer=keras.optimizers.Adagrad(0.1))
        model.fit(train, batch_size=8192, epochs=1 if quick else epochs, verbose=0)
        scores = keras.ops.convert_to_numpy(model(test))
        figures[name] = ndcg(test["user_rating"], scores)
        print(f"NDCG, trained with {name}: {figures[name]:.4f}", flush=True)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked = parser.parse_args()
    main(asked.epochs, asked.quick)

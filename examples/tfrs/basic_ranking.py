"""Basic ranking: predict the stars a user gives a film, from the two ids.

Runs on every backend (``KERAS_BACKEND``). The page's figure is the RMSE on the ratings held out,
about 1.11 after three epochs.
"""

from __future__ import annotations

import argparse

from shortlist import tfrs  # before keras, so that a missing KERAS_BACKEND is chosen

import keras  # isort: skip
import numpy as np

from shortlist.datasets import movielens
from shortlist.features import Categorical, Encoder


def load(rows: int | None) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], Encoder]:
    """Codes of users and titles with the stars, to learn from and to test on."""
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.sample(fraction=1.0, shuffle=True, seed=42).head(rows or len(ratings))
    encoder = Encoder([Categorical("user"), Categorical("title")]).fit(ratings)
    columns = encoder.transform(ratings) | {"rating": ratings["rating"].to_numpy()}
    edge = len(ratings) * 4 // 5
    train = {name: column[:edge] for name, column in columns.items()}
    return train, {name: column[edge:] for name, column in columns.items()}, encoder


class RankingModel(keras.Model):
    def __init__(self, users: int, titles: int, dimension: int = 32):
        super().__init__()
        self.user_embeddings = keras.layers.Embedding(users, dimension)
        self.movie_embeddings = keras.layers.Embedding(titles, dimension)
        self.ratings = keras.Sequential(
            [
                keras.layers.Dense(256, activation="relu"),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(1),
            ]
        )

    def call(self, user, title):
        pair = [self.user_embeddings(user), self.movie_embeddings(title)]
        return self.ratings(keras.ops.concatenate(pair, axis=1))


class MovielensModel(tfrs.Model):
    def __init__(self, users: int, titles: int):
        super().__init__()
        self.ranking_model = RankingModel(users, titles)
        self.task = tfrs.tasks.Ranking(
            loss=keras.losses.MeanSquaredError(),
            metrics=[keras.metrics.RootMeanSquaredError()],
        )

    def compute_loss(self, features, training=False):  # noqa: ARG002
        predictions = self.ranking_model(features["user"], features["title"])
        return self.task(labels=features["rating"], predictions=predictions)


def main(epochs: int = 3, quick: bool = False, seed: int = 42) -> dict[str, float]:
    keras.utils.set_random_seed(seed)
    train, test, encoder = load(2000 if quick else None)
    sizes = encoder.describe()
    model = MovielensModel(sizes["user"].size, sizes["title"].size)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    model.fit(train, batch_size=8192, epochs=1 if quick else epochs, verbose=2)
    figures = model.evaluate(test, batch_size=4096, return_dict=True, verbose=0)
    print(f"RMSE: {figures['root_mean_squared_error']:.4f}")

    titles = ["M*A*S*H (1970)", "Dances with Wolves (1990)", "Speed (1994)"]
    asked = encoder.transform({"user": [42] * len(titles), "title": titles})
    stars = keras.ops.convert_to_numpy(model.ranking_model(asked["user"], asked["title"]))[:, 0]
    for star, title in sorted(zip(stars.tolist(), titles, strict=True), reverse=True):
        print(f"User 42, {title}: {star:.2f}")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked_for = parser.parse_args()
    main(asked_for.epochs, asked_for.quick)

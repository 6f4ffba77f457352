"""Multitask: one model that retrieves films and predicts stars.

Runs on every backend (``KERAS_BACKEND``). Trained for retrieval alone, for ratings alone and for
both, it prints the top-100 accuracy and the RMSE of each; the page has about .235 and 1.11 for
both.
"""

from __future__ import annotations

import argparse

from shortlist import tfrs  # before keras, so that a missing KERAS_BACKEND is chosen

import keras  # isort: skip
import numpy as np

from shortlist.datasets import movielens
from shortlist.features import Categorical, Encoder

TOP_100 = "factorized_top_k/top_100_categorical_accuracy"


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


class MovielensModel(tfrs.Model):
    def __init__(self, users: int, titles: int, rating_weight: float, retrieval_weight: float):
        super().__init__()
        self.user_model = keras.layers.Embedding(users, 32)
        self.movie_model = keras.layers.Embedding(titles, 32)
        self.rating_model = keras.Sequential(
            [
                keras.layers.Dense(256, activation="relu"),
                keras.layers.Dense(128, activation="relu"),
                keras.layers.Dense(1),
            ]
        )
        self.rating_task = tfrs.tasks.Ranking(
            loss=keras.losses.MeanSquaredError(),
            metrics=[keras.metrics.RootMeanSquaredError()],
        )
        codes = np.arange(titles, dtype="int32")
        films = tfrs.metrics.FactorizedTopK(lambda: self.movie_model(codes))
        self.retrieval_task = tfrs.tasks.Retrieval(metrics=films)
        self.rating_weight, self.retrieval_weight = rating_weight, retrieval_weight

    def compute_loss(self, features, training=False):
        users = self.user_model(features["user"])
        films = self.movie_model(features["title"])
        stars = self.rating_model(keras.ops.concatenate([users, films], axis=1))
        rating = self.rating_task(labels=features["rating"], predictions=stars)
        retrieval = self.retrieval_task(users, films, compute_metrics=not training)
        return self.rating_weight * rating + self.retrieval_weight * retrieval


def main(epochs: int = 3, quick: bool = False, seed: int = 42) -> dict[str, float]:
    train, test, encoder = load(2000 if quick else None)
    sizes = encoder.describe()
    weights = {"ratings alone": (1.0, 0.0), "retrieval alone": (0.0, 1.0), "joint": (1.0, 1.0)}
    results = {}
    for name, (rating, retrieval) in weights.items():
        keras.utils.set_random_seed(seed)
        model = MovielensModel(sizes["user"].size, sizes["title"].size, rating, retrieval)
        model.compile(optimizer=keras.optimizers.Adagrad(0.1))
        model.fit(train, batch_size=8192, epochs=1 if quick else epochs, verbose=0)
        figures = model.evaluate(test, batch_size=4096, return_dict=True, verbose=0)
        found, error = figures[TOP_100], figures["root_mean_squared_error"]
        results |= {f"{name}, top-100": found, f"{name}, RMSE": error}
        print(f"{name}: top-100 {found:.3f}, RMSE {error:.3f}", flush=True)
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked_for = parser.parse_args()
    main(asked_for.epochs, asked_for.quick)

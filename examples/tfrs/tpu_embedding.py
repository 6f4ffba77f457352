"""Embedding tables for a TPU: described once, trained on whatever there is.

Runs on every backend (``KERAS_BACKEND``), without a TPU as well: the tables are then ordinary
weights. The figure is the RMSE on the ratings held out.
"""

from __future__ import annotations

import argparse

from shortlist import tfrs  # before keras, so that a missing KERAS_BACKEND is chosen

import keras  # isort: skip
import numpy as np

from shortlist.datasets import movielens
from shortlist.features import Categorical, Encoder
from shortlist.layers import FeatureConfig, TableConfig

NAMES = ("user", "title")
Columns = dict[str, np.ndarray]


def load(rows: int | None) -> tuple[Columns, Columns, dict[str, int]]:
    """Codes of users and titles with the stars, to learn from and to test on, and the sizes."""
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.sample(fraction=1.0, shuffle=True, seed=42).head(rows or len(ratings))
    encoder = Encoder([Categorical(name) for name in NAMES]).fit(ratings)
    columns = encoder.transform(ratings) | {"rating": ratings["rating"].to_numpy()}
    edge = len(ratings) * 4 // 5
    train = {name: column[:edge] for name, column in columns.items()}
    test = {name: column[edge:] for name, column in columns.items()}
    return train, test, {name: info.size for name, info in encoder.describe().items()}


class EmbeddingModel(tfrs.Model):
    def __init__(self, sizes: dict[str, int], dimension: int = 32):
        super().__init__()
        features = {
            name: FeatureConfig(TableConfig(size, dimension, name=f"{name}_table"), name=name)
            for name, size in sizes.items()
        }
        # The tables learn with an optimiser of their own, the dense layers with the model's.
        self.embedding_layer = tfrs.layers.embedding.TPUEmbedding(
            features, keras.optimizers.Adagrad(0.1)
        )
        self.ratings = keras.Sequential(
            [
                keras.layers.Dense(256, activation="relu"),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(1),
            ]
        )
        self.task = tfrs.tasks.Ranking(
            loss=keras.losses.MeanSquaredError(),
            metrics=[keras.metrics.RootMeanSquaredError("RMSE")],
        )

    def call(self, features):
        found = self.embedding_layer({name: features[name] for name in NAMES})
        return self.ratings(keras.ops.concatenate([found[name] for name in NAMES], axis=1))

    def compute_loss(self, features, training=False):  # noqa: ARG002
        return self.task(labels=features["rating"], predictions=self(features))


def main(epochs: int = 5, quick: bool = False, seed: int = 42) -> dict[str, float]:
    keras.utils.set_random_seed(seed)
    train, test, sizes = load(2000 if quick else None)
    model = EmbeddingModel(sizes)
    model.compile(optimizer=keras.optimizers.Adagrad(0.05))
    model.fit(train, batch_size=4096, epochs=1 if quick else epochs, verbose=2)
    figures = model.evaluate(test, batch_size=4096, return_dict=True, verbose=0)
    print(f"RMSE: {figures['RMSE']:.4f}")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked = parser.parse_args()
    main(asked.epochs, asked.quick)

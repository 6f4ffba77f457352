"""Unified embeddings: six features in one small hashed table, or each in a table of its own?

The ids are hashed inside the model. The layer does so on every backend; this program reads
`tf.data` and asks for TensorFlow. The figures are the RMSE on the ratings held out and the number
of parameters of the embeddings, with vectors of the same length either way.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from shortlist import tfrs
from shortlist.datasets import movielens
from shortlist.features import Categorical, Encoder

NAMES = ("user", "title", "gender", "age", "occupation", "zip_code")
CHUNKS, LENGTH = 4, 8
Columns = dict[str, np.ndarray]


def load(rows: int | None) -> tuple[Columns, Columns, dict[str, int]]:
    """Codes of six features with the stars, to learn from and to test on, and the sizes."""
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.join(data.users, on="user", maintain_order="left")
    ratings = ratings.sample(fraction=1.0, shuffle=True, seed=42).head(rows or len(ratings))
    encoder = Encoder([Categorical(name) for name in NAMES]).fit(ratings)
    columns = encoder.transform(ratings) | {"rating": ratings["rating"].to_numpy()}
    edge = len(ratings) * 4 // 5
    train = {name: column[:edge] for name, column in columns.items()}
    test = {name: column[edge:] for name, column in columns.items()}
    return train, test, {name: info.size for name, info in encoder.describe().items()}


def batches(columns: Columns) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(columns).batch(4096).cache()


class Separate(keras.layers.Layer):
    """A table for each feature."""

    def __init__(self, sizes: dict[str, int]):
        super().__init__()
        self.tables = {
            name: keras.layers.Embedding(size, CHUNKS * LENGTH) for name, size in sizes.items()
        }

    def build(self, input_shape=None):  # noqa: ARG002
        for table in self.tables.values():
            table.build()
        self.built = True

    def call(self, features):
        return [self.tables[name](features[name]) for name in NAMES]


def unified(buckets: int) -> keras.layers.Layer:
    """Two tables that all features share, each feature with chunks from both."""
    multiplexing = tfrs.layers.feature_multiplexing
    config = multiplexing.UnifiedEmbeddingConfig(buckets, LENGTH, num_tables=2, name="unified")
    for name in NAMES:
        config.add_feature(name, CHUNKS)
    return multiplexing.UnifiedEmbedding(config, keras.optimizers.Adagrad(0.1))


class RatingModel(tfrs.Model):
    def __init__(self, embeddings: keras.layers.Layer):
        super().__init__()
        self.embeddings = embeddings
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
        parts = self.embeddings({name: features[name] for name in NAMES})
        return self.ratings(keras.ops.concatenate(parts, axis=1))

    def compute_loss(self, features, training=False):  # noqa: ARG002
        return self.task(labels=features["rating"], predictions=self(features))


def main(epochs: int = 5, quick: bool = False, seed: int = 42) -> dict[str, float]:
    train, test, sizes = load(2000 if quick else None)
    makers = {
        "separate tables": lambda: Separate(sizes),
        "unified, 2 x 2000 rows": lambda: unified(2000),
    }
    found = {}
    for name, make in makers.items():
        keras.utils.set_random_seed(seed)
        model = RatingModel(make())
        model.compile(optimizer=keras.optimizers.Adagrad(0.1))
        model.fit(batches(train), epochs=1 if quick else epochs, verbose=0)
        found[name] = model.evaluate(batches(test), return_dict=True, verbose=0)["RMSE"]
        count = model.embeddings.count_params()
        print(f"RMSE {name}: {found[name]:.4f} ({count} parameters in tables)", flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked = parser.parse_args()
    main(asked.epochs, asked.quick)

"""Distribution: train the retrieval model on two devices at once, by ``tf.distribute``.

The CPU is taken as two virtual devices and the tower's tables are ``keras.layers.Embedding``: every
replica holds a copy and the gradients are summed. (`shortlist.layers.Embedding`, whose rows are
updated one by one, is for one replica on TensorFlow and says so.) Metrics over the corpus are left
out, as on the page, whose figure is the loss as it falls from epoch to epoch.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

from shortlist import tfrs
from shortlist.datasets import movielens
from shortlist.features import Categorical, Encoder


def load(rows: int | None) -> tuple[tf.data.Dataset, Encoder]:
    """Codes of users and titles."""
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.sample(fraction=1.0, shuffle=True, seed=42).head(rows or len(ratings))
    encoder = Encoder([Categorical("user"), Categorical("title")]).fit(ratings)
    return tf.data.Dataset.from_tensor_slices(encoder.transform(ratings)), encoder


class MovielensModel(tfrs.Model):
    def __init__(self, users: int, titles: int, dimension: int = 64):
        super().__init__()
        self.user_model = keras.layers.Embedding(users, dimension)
        self.movie_model = keras.layers.Embedding(titles, dimension)
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):  # noqa: ARG002
        return self.task(self.user_model(features["user"]), self.movie_model(features["title"]))


def two_devices() -> tf.distribute.Strategy:
    """Two virtual devices out of one CPU; must come before TensorFlow's first operation."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])
    return tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])


def main(epochs: int = 3, quick: bool = False) -> dict[str, float]:
    strategy = two_devices()
    keras.utils.set_random_seed(42)
    ratings, encoder = load(4096 if quick else None)
    sizes = encoder.describe()
    with strategy.scope():
        model = MovielensModel(sizes["user"].size, sizes["title"].size)
        model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    # The batch is that of all replicas together, and so are the negatives of each query.
    batches = ratings.batch(4096, drop_remainder=True).cache()
    history = model.fit(batches, epochs=1 if quick else epochs, verbose=0).history
    print(f"Replicas: {strategy.num_replicas_in_sync}")
    for epoch, loss in enumerate(history["total_loss"], start=1):
        print(f"Loss in epoch {epoch}: {loss:.1f}")
    return {"loss": history["total_loss"][-1]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked = parser.parse_args()
    main(asked.epochs, asked.quick)

"""TFRS: its basic retrieval tutorial, from ids that are encoded already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench import serve


def make(
    train: str, test: str, users: int, items: int, epochs: int, seed: int = 42
) -> Callable[[], dict[str, float]]:
    import numpy as np
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    class MovielensModel(tfrs.Model):
        def __init__(self):
            super().__init__()
            self.users = tf.keras.layers.Embedding(users, 32)
            self.items = tf.keras.layers.Embedding(items, 32)
            corpus = tf.data.Dataset.range(items).batch(128).map(self.items)
            self.task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(corpus))

        def compute_loss(self, features, training=False):
            return self.task(
                self.users(features["user"]),
                self.items(features["item"]),
                compute_metrics=not training,
            )

    def columns(folder: str) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(
            {
                "user": np.load(Path(folder) / "users.npy"),
                "item": np.load(Path(folder) / "items.npy"),
            }
        )

    def run() -> dict[str, float]:
        tf.keras.utils.set_random_seed(seed)
        model = MovielensModel()
        model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
        model.fit(columns(train).shuffle(100_000).batch(8192).cache(), epochs=epochs, verbose=0)
        logs = model.evaluate(columns(test).batch(4096), verbose=0, return_dict=True)
        return {
            f"top_{k}": logs[f"factorized_top_k/top_{k}_categorical_accuracy"]
            for k in (1, 5, 10, 50, 100)
        }

    return run


serve(make)

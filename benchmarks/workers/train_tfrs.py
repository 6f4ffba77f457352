"""TFRS: an epoch of its retrieval task over two embedding towers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench import serve


def make(
    folder: str, users: int, items: int, batch: int, dim: int = 64, optimizer: str = "adagrad"
) -> Callable[[], None]:
    import numpy as np
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    class TwoTower(tfrs.Model):
        def __init__(self) -> None:
            super().__init__()
            self.users = tf.keras.layers.Embedding(users, dim)
            self.items = tf.keras.layers.Embedding(items, dim)
            self.task = tfrs.tasks.Retrieval()

        def compute_loss(self, features: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
            return self.task(
                self.users(features["user"]),
                self.items(features["item"]),
                compute_metrics=not training,
            )

    columns = {
        "user": np.load(Path(folder) / "users.npy"),
        "item": np.load(Path(folder) / "items.npy"),
    }
    batches = tf.data.Dataset.from_tensor_slices(columns).batch(batch).cache()
    model = TwoTower()
    model.compile(
        tf.keras.optimizers.Adagrad(0.1)
        if optimizer == "adagrad"
        else tf.keras.optimizers.Adam(0.001)
    )

    def run() -> None:
        model.fit(batches, epochs=1, verbose=0)

    return run


serve(make)

"""Stock Keras: an epoch of in-batch softmax over two embedding towers, written plainly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import fed, serve


def make(
    folder: str, users: int, items: int, batch: int, dim: int = 64, optimizer: str = "adagrad"
) -> Callable[[], None]:
    import keras
    import numpy as np
    from keras import ops

    class TwoTower(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.users = keras.layers.Embedding(users, dim)
            self.items = keras.layers.Embedding(items, dim)

        def call(self, features: dict[str, Any]) -> tuple[Any, Any]:
            return self.users(features["user"]), self.items(features["item"])

        def compute_loss(
            self,
            x: Any = None,
            y: Any = None,
            y_pred: Any = None,
            sample_weight: Any = None,
            training: bool = True,
        ) -> Any:
            queries, candidates = y_pred
            scores = ops.matmul(queries, ops.transpose(candidates))
            own = ops.sum(queries * candidates, axis=1)
            return ops.sum(ops.logsumexp(scores, axis=1) - own)

    columns = {
        "user": np.load(Path(folder) / "users.npy"),
        "item": np.load(Path(folder) / "items.npy"),
    }
    data = fed(columns, batch)
    model = TwoTower()
    model.compile(
        keras.optimizers.Adagrad(0.1) if optimizer == "adagrad" else keras.optimizers.Adam(0.001)
    )

    def run() -> None:
        model.fit(**data, epochs=1, verbose=0)

    return run


serve(make)

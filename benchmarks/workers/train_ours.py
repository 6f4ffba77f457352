"""Ours: an epoch of the retrieval task over two embedding towers, on KERAS_BACKEND."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import fed, serve


def make(
    folder: str,
    users: int,
    items: int,
    batch: int,
    dim: int = 64,
    optimizer: str = "adagrad",
    distinct: bool = False,
) -> Callable[[], None]:
    import keras
    import numpy as np

    from shortlist.data import Batches
    from shortlist.layers import Embedding
    from shortlist.models import Model
    from shortlist.tasks import Retrieval
    from shortlist.training import BatchDataset

    class TwoTower(Model):
        def __init__(self) -> None:
            super().__init__()
            self.users = Embedding(users, dim)
            self.items = Embedding(items, dim)
            self.task = Retrieval()

        def compute_loss(self, features: dict[str, Any], training: bool = False) -> Any:
            if not distinct:
                return self.task(self.users(features["user"]), self.items(features["item"]))
            return self.task(
                self.users(features["user_unique"]),
                self.items(features["item_unique"]),
                query_rows=features["user_inverse"],
                positives=features["item_inverse"],
                candidate_counts=features["item_counts"],
            )

    columns = {
        "user": np.load(Path(folder) / "users.npy"),
        "item": np.load(Path(folder) / "items.npy"),
    }
    model = TwoTower()
    model.compile(
        keras.optimizers.Adagrad(0.1) if optimizer == "adagrad" else keras.optimizers.Adam(0.001)
    )
    if distinct:
        batches = Batches(columns, batch, unique=["user", "item"])
        data = {"x": BatchDataset(batches), "shuffle": False}
    else:
        data = fed(columns, batch)

    def run() -> None:
        model.fit(**data, epochs=1, verbose=0)

    return run


serve(make)

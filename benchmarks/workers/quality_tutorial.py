"""Ours: the model of TFRS' basic retrieval tutorial, with all of our defaults off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import serve


def make(
    train: str, test: str, users: int, items: int, epochs: int, seed: int = 42
) -> Callable[[], dict[str, float]]:
    import keras
    import numpy as np

    from shortlist.layers import Embedding
    from shortlist.metrics import FactorizedTopK
    from shortlist.models import Model
    from shortlist.tasks import Retrieval

    class MovielensModel(Model):
        def __init__(self) -> None:
            super().__init__()
            self.users = Embedding(users, 32)
            self.items = Embedding(items, 32)
            self.task = Retrieval(metrics=FactorizedTopK(lambda: self.items(np.arange(items))))

        def compute_loss(self, features: dict[str, Any], training: bool = False) -> Any:
            return self.task(self.users(features["user"]), self.items(features["item"]))

    def columns(folder: str) -> dict[str, np.ndarray]:
        return {
            "user": np.load(Path(folder) / "users.npy"),
            "item": np.load(Path(folder) / "items.npy"),
        }

    def run() -> dict[str, float]:
        keras.utils.set_random_seed(seed)
        model = MovielensModel()
        model.compile(optimizer=keras.optimizers.Adagrad(0.1))
        model.fit(columns(train), batch_size=8192, epochs=epochs, verbose=0)
        logs = model.evaluate(columns(test), batch_size=4096, verbose=0, return_dict=True)
        return {
            f"top_{k}": float(logs[f"factorized_top_k/top_{k}_categorical_accuracy"])
            for k in (1, 5, 10, 50, 100)
        }

    return run


serve(make)

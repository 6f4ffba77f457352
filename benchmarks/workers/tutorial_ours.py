"""Ours: the job of the TFRS quickstart as a program of ours does it, on KERAS_BACKEND.

Ids are encoded outside the model, each distinct id of a batch is scored once, batches are of one
shape, and the corpus is embedded once for an evaluation after the training, instead of once a batch
during it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import serve


def make(folder: str, epochs: int) -> Callable[[], dict[str, float]]:
    import keras
    import numpy as np

    from shortlist.data import Batches
    from shortlist.features import Vocabulary
    from shortlist.index import Exact
    from shortlist.layers import Embedding
    from shortlist.metrics import FactorizedTopK
    from shortlist.models import Model
    from shortlist.tasks import Retrieval
    from shortlist.training import BatchDataset

    users, titles = (np.load(Path(folder) / f"{name}.npy") for name in ("users", "titles"))
    movies = np.unique(titles)
    user_ids = Vocabulary.fit(users)
    movie_titles = Vocabulary.fit(movies)
    columns = {"user": user_ids.encode(users), "item": movie_titles.encode(titles)}
    corpus = movie_titles.encode(movies)

    class MovieLensModel(Model):
        def __init__(self) -> None:
            super().__init__()
            self.users = Embedding(user_ids.size, 64)
            self.items = Embedding(movie_titles.size, 64)
            metric = FactorizedTopK(lambda: self.items(corpus))
            self.task = Retrieval(metrics=metric)

        def compute_loss(self, features: dict[str, Any], training: bool = False) -> Any:
            return self.task(
                self.users(features["user_unique"]),
                self.items(features["item_unique"]),
                query_rows=features["user_inverse"],
                positives=features["item_inverse"],
                candidate_counts=features["item_counts"],
                sample_weight=features["weight"],
            )

    def run() -> dict[str, float]:
        model = MovieLensModel()
        model.compile(optimizer=keras.optimizers.Adagrad(0.5))
        batches = BatchDataset(Batches(columns, 4096, unique=["user", "item"], pad=True))
        model.fit(batches, epochs=epochs, shuffle=False, verbose=0)
        logs = model.evaluate(batches, verbose=0, return_dict=True)
        index = Exact().build(keras.ops.convert_to_numpy(model.items(corpus)), movies)
        query = model.users(user_ids.encode(np.array(["42"])))
        index.search(keras.ops.convert_to_numpy(query), k=10)
        return {
            f"top_{k}": float(logs[f"factorized_top_k/top_{k}_categorical_accuracy"])
            for k in (1, 5, 10, 50, 100)
        }

    return run


serve(make)

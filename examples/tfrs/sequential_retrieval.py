"""Sequential retrieval: a GRU reads the last ten films of a user and looks for the next.

Runs on every backend (``KERAS_BACKEND``). The page trains on MovieLens-1M; give
``--data ml-1m.zip`` to do so. Its figure is the top-k accuracy on ratings later than those learned
from.
"""

from __future__ import annotations

import argparse

from shortlist import tfrs  # before keras, so that a missing KERAS_BACKEND is chosen

import keras  # isort: skip
import numpy as np

from shortlist.data.histories import Histories
from shortlist.datasets import movielens

LENGTH = 10
Columns = dict[str, np.ndarray]


def load(rows: int | None, path: str | None) -> tuple[Columns, Columns, int]:
    """Histories of ten films with the film after them, early and late, and the number of codes."""
    interactions = movielens("1m" if path else "100k", path=path).interactions
    # As on the page: only what a user watched after some other film, the last tenth to test on.
    order = np.argsort(interactions.frame["time"].to_numpy(), kind="stable")
    codes = interactions.item_codes + 1  # 0 is the padding of a history
    histories = Histories(interactions, codes).padded(order, LENGTH)
    columns = {"context": histories, "label": codes[order]}
    known = histories[:, 0] > 0
    columns = {name: column[known][:rows].astype("int32") for name, column in columns.items()}
    edge = len(columns["label"]) * 9 // 10
    train = {name: column[:edge] for name, column in columns.items()}
    test = {name: column[edge:] for name, column in columns.items()}
    return train, test, len(interactions.items) + 1


class Model(tfrs.Model):
    def __init__(self, films: int, dimension: int = 32):
        super().__init__()
        self.query_model = keras.Sequential(
            [
                keras.layers.Embedding(films, dimension, mask_zero=True),
                keras.layers.GRU(dimension),
            ]
        )
        self.candidate_model = keras.layers.Embedding(films, dimension)
        every_film = np.arange(1, films, dtype="int32")
        self.task = tfrs.tasks.Retrieval(
            metrics=tfrs.metrics.FactorizedTopK(lambda: self.candidate_model(every_film))
        )

    def compute_loss(self, features, training=False):
        return self.task(
            self.query_model(features["context"]),
            self.candidate_model(features["label"]),
            compute_metrics=not training,
        )


def main(
    epochs: int = 3, quick: bool = False, seed: int = 42, path: str | None = None
) -> dict[str, float]:
    keras.utils.set_random_seed(seed)
    train, test, films = load(2000 if quick else None, path)
    model = Model(films)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    model.fit(train, batch_size=4096, epochs=1 if quick else epochs, verbose=2)
    figures = model.evaluate(test, batch_size=2048, return_dict=True, verbose=0)
    for k in (1, 5, 10, 50, 100):
        print(f"top-{k}: {figures[f'factorized_top_k/top_{k}_categorical_accuracy']:.4f}")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    parser.add_argument("--data", metavar="ZIP", help="ml-1m.zip, as GroupLens gives it")
    asked = parser.parse_args()
    main(asked.epochs, asked.quick, path=asked.data)

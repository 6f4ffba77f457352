"""Efficient serving: the ten best films by three engines, and how long each takes.

Runs on every backend (``KERAS_BACKEND``). ScaNN joins them where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import time

from shortlist import tfrs  # before keras, so that a missing KERAS_BACKEND is chosen

import keras  # isort: skip
import numpy as np

from shortlist.datasets import movielens
from shortlist.features import Categorical, Encoder
from shortlist.index import Exact


class MovielensModel(tfrs.Model):
    def __init__(self, users: int, titles: int):
        super().__init__()
        self.user_model = keras.layers.Embedding(users, 32)
        self.movie_model = keras.layers.Embedding(titles, 32)
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):  # noqa: ARG002
        return self.task(self.user_model(features["user"]), self.movie_model(features["title"]))


def main(epochs: int = 3, quick: bool = False, seed: int = 42) -> dict[str, float]:
    keras.utils.set_random_seed(seed)
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.head(2000 if quick else len(ratings))
    encoder = Encoder([Categorical("user"), Categorical("title")]).fit(ratings)
    sizes = encoder.describe()
    model = MovielensModel(sizes["user"].size, sizes["title"].size)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    model.fit(encoder.transform(ratings), batch_size=2048, epochs=1 if quick else epochs, verbose=0)

    ids = np.arange(sizes["title"].size)
    films = keras.ops.convert_to_numpy(model.movie_model(ids))
    queries = keras.ops.convert_to_numpy(model.user_model(np.arange(1, 101)))
    layers = tfrs.layers.factorized_top_k
    brute = layers.BruteForce(k=10).index(films, ids)
    streaming = layers.Streaming(k=10).index_from_dataset([(ids, films)])
    exact = Exact().build(films, ids)
    engines = {
        "BruteForce": lambda query: keras.ops.convert_to_numpy(brute(query)[1]),
        "Streaming": lambda query: keras.ops.convert_to_numpy(streaming(query)[1]),
        "Exact": lambda query: np.array(exact.search(query, k=10).lists()),
    }
    if importlib.util.find_spec("scann"):
        scann = layers.ScaNN(k=10).index(films, ids)
        engines["ScaNN"] = lambda query: keras.ops.convert_to_numpy(scann(query)[1])
    truth, figures = engines["BruteForce"](queries), {}
    for name, search in engines.items():
        same = float(np.mean(search(queries) == truth))
        search(queries[:1])  # what is compiled once is not timed
        start = time.perf_counter()
        for row in range(len(queries)):
            search(queries[row : row + 1])
        figures[name] = (time.perf_counter() - start) * 1000 / len(queries)
        print(f"{name}: {same:.3f} of the top 10 as BruteForce, {figures[name]:.3f} ms a query")
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked = parser.parse_args()
    main(asked.epochs, asked.quick)

"""TFRS: the programs of ``examples/tfrs`` that have a figure, for its own names and Keras 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
from bench import serve, with_seeds

layers = tf.keras.layers


class Tutorial:
    """The columns, split as ours are, and what the programs share."""

    def __init__(self, folder: str, epochs: int, quick: bool, seed: int) -> None:
        kept = {p.stem: np.load(p) for p in Path(folder).glob("*.npy")}
        self.titles = tf.data.Dataset.from_tensor_slices(kept.pop("titles"))
        count = 2000 if quick else len(kept["rating"])
        self.all = tf.data.Dataset.from_tensor_slices({k: v[:count] for k, v in kept.items()})
        edge = count * 4 // 5
        self.train, self.test = self.all.take(edge), self.all.skip(edge)
        self.epochs, self.quick, self.seed = epochs, quick, seed

    def lookup(self, name: str, width: int = 32) -> Any:
        column = self.titles if name == "title" else self.all.map(lambda row: row[name])
        ids = np.unique(np.concatenate(list(column.batch(10_000).as_numpy_iterator())))
        lookup = layers.StringLookup(vocabulary=ids, mask_token=None)
        return tf.keras.Sequential([lookup, layers.Embedding(lookup.vocabulary_size(), width)])

    def fitted(self, model: tfrs.Model, batch: int) -> dict[str, float]:
        model.compile(optimizer=tf.keras.optimizers.legacy.Adagrad(0.1))
        model.fit(self.train.shuffle(100_000).batch(batch).cache(), epochs=self.epochs, verbose=0)
        return model.evaluate(self.test.batch(4096).cache(), verbose=0, return_dict=True)


class UserModel(tf.keras.Model):
    def __init__(self, tutorial: Tutorial, use_timestamps: bool) -> None:
        super().__init__()
        self.use_timestamps = use_timestamps
        self.user = tutorial.lookup("user")
        if not use_timestamps:
            return
        times = np.concatenate([b["time"].numpy() for b in tutorial.all.batch(10_000)])
        edges = np.linspace(times.min(), times.max(), num=1000).tolist()
        buckets = layers.Discretization(edges)
        self.time = tf.keras.Sequential([buckets, layers.Embedding(len(edges) + 1, 32)])
        self.normalized = layers.Normalization(axis=None)
        self.normalized.adapt(times)

    def call(self, row: Any) -> Any:
        if not self.use_timestamps:
            return self.user(row["user"])
        time = tf.reshape(self.normalized(row["time"]), (-1, 1))
        return tf.concat([self.user(row["user"]), self.time(row["time"]), time], axis=1)


class MovieModel(tf.keras.Model):
    def __init__(self, tutorial: Tutorial) -> None:
        super().__init__()
        self.title = tutorial.lookup("title")
        words = layers.TextVectorization(max_tokens=10_000)
        words.adapt(tutorial.titles)
        pooled = layers.GlobalAveragePooling1D()
        self.text = tf.keras.Sequential(
            [words, layers.Embedding(10_000, 32, mask_zero=True), pooled]
        )

    def call(self, titles: Any) -> Any:
        return tf.concat([self.title(titles), self.text(titles)], axis=1)


class Retrieval(tfrs.Model):
    def __init__(self, query: Any, candidate: Any, tutorial: Tutorial, columns: Any) -> None:
        super().__init__()
        self.query, self.candidate, self.columns = query, candidate, columns
        corpus = tutorial.titles.batch(128).map(candidate)
        self.task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(corpus))

    def compute_loss(self, row: Any, training: bool = False) -> Any:
        query = self.query(self.columns(row))
        return self.task(query, self.candidate(row["title"]), compute_metrics=not training)


class Ranking(tfrs.Model):
    def __init__(self, tutorial: Tutorial) -> None:
        super().__init__()
        self.users, self.titles = tutorial.lookup("user"), tutorial.lookup("title")
        units = [layers.Dense(256, activation="relu"), layers.Dense(64, activation="relu")]
        self.ratings = tf.keras.Sequential([*units, layers.Dense(1)])
        self.task = tfrs.tasks.Ranking(
            loss=tf.keras.losses.MeanSquaredError(),
            metrics=[tf.keras.metrics.RootMeanSquaredError()],
        )

    def compute_loss(self, row: Any, training: bool = False) -> Any:
        pair = tf.concat([self.users(row["user"]), self.titles(row["title"])], axis=1)
        return self.task(labels=row["rating"], predictions=self.ratings(pair))


_TOP = "factorized_top_k/top_100_categorical_accuracy"


def basic_retrieval(tutorial: Tutorial) -> dict[str, float]:
    query, candidate = tutorial.lookup("user"), tutorial.lookup("title")
    model = Retrieval(query, candidate, tutorial, lambda row: row["user"])
    return tutorial.fitted(model, 8192)


def basic_ranking(tutorial: Tutorial) -> dict[str, float]:
    return tutorial.fitted(Ranking(tutorial), 8192)


def _deep(tutorial: Tutorial, units: Sequence[int], use_timestamps: bool = True) -> float:
    tf.keras.utils.set_random_seed(tutorial.seed)

    def tower(model: Any) -> Any:
        dense = [layers.Dense(n, activation="relu") for n in units[:-1]]
        return tf.keras.Sequential([model, *dense, layers.Dense(units[-1])])

    def columns(row: Any) -> Any:
        return {name: row[name] for name in ("user", "time")}

    query = tower(UserModel(tutorial, use_timestamps))
    model = Retrieval(query, tower(MovieModel(tutorial)), tutorial, columns)
    return float(tutorial.fitted(model, 2048)[_TOP])


def context_features(tutorial: Tutorial) -> dict[str, float]:
    return {
        "without time": _deep(tutorial, (32,), use_timestamps=False),
        "with time": _deep(tutorial, (32,)),
    }


def deep_recommenders(tutorial: Tutorial) -> dict[str, float]:
    towers = ((32,), (64, 32), (128, 64, 32))
    towers = towers[-1:] if tutorial.quick else towers
    return {f"{len(units)} layers": _deep(tutorial, units) for units in towers}


_PROGRAMS: dict[str, Callable[[Tutorial], dict[str, float]]] = {
    f.__name__: f for f in (basic_retrieval, basic_ranking, context_features, deep_recommenders)
}


def make(
    tutorial: str, epochs: int, quick: bool, folder: str
) -> Callable[[], dict[str, list[float]]]:
    def train(seed: int) -> dict[str, float]:
        tf.keras.utils.set_random_seed(seed)
        return _PROGRAMS[tutorial](Tutorial(folder, epochs, quick, seed))

    return with_seeds(train)


serve(make)

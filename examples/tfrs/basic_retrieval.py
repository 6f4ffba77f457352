"""Basic retrieval: two towers learn who watched what, and find films for a user.

Strings, `tf.data` and ``StringLookup`` as on the well-known page, so this one needs TensorFlow. The
page's figure is the top-100 accuracy on the ratings held out, about .23.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from shortlist import tfrs
from shortlist.datasets import movielens


def load(rows: int | None) -> tuple[tf.data.Dataset, tf.data.Dataset, tf.data.Dataset]:
    """Ratings to learn from, ratings to test on, and all titles."""
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.sample(fraction=1.0, shuffle=True, seed=42).head(rows or len(ratings))
    edge = len(ratings) * 4 // 5

    def dataset(frame):
        columns = {"user_id": frame["user"].cast(str), "movie_title": frame["title"]}
        return tf.data.Dataset.from_tensor_slices({k: v.to_list() for k, v in columns.items()})

    titles = data.items["title"].unique(maintain_order=True).to_list()
    movies = tf.data.Dataset.from_tensor_slices(titles)
    return dataset(ratings[:edge]), dataset(ratings[edge:]), movies


class MovielensModel(tfrs.Model):
    def __init__(self, user_model, movie_model, movies):
        super().__init__()
        self.user_model = user_model
        self.movie_model = movie_model
        self.task = tfrs.tasks.Retrieval(
            metrics=tfrs.metrics.FactorizedTopK(movies.batch(128).map(movie_model))
        )

    def compute_loss(self, features, training=False):
        return self.task(
            self.user_model(features["user_id"]),
            self.movie_model(features["movie_title"]),
            compute_metrics=not training,  # the corpus is embedded only to evaluate
        )


def tower(ids: tf.data.Dataset, dimension: int = 32) -> keras.Model:
    """From a string to a vector; the vocabulary is read in batches, which is much faster."""
    lookup = keras.layers.StringLookup(mask_token=None)
    lookup.adapt(ids)
    return keras.Sequential([lookup, keras.layers.Embedding(lookup.vocabulary_size(), dimension)])


def main(epochs: int = 3, quick: bool = False, seed: int = 42) -> dict[str, float]:
    keras.utils.set_random_seed(seed)
    train, test, movies = load(2000 if quick else None)
    user_model = tower(train.batch(10_000).map(lambda row: row["user_id"]))
    model = MovielensModel(user_model, tower(movies.batch(10_000)), movies)
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    # Cached in batches; shuffled before, so that no batch is all of one time.
    shuffled = train.shuffle(100_000, seed=seed, reshuffle_each_iteration=False)
    model.fit(shuffled.batch(8192).cache(), epochs=1 if quick else epochs, verbose=2)

    figures = model.evaluate(test.batch(4096).cache(), return_dict=True, verbose=0)
    for k in (1, 5, 10, 50, 100):
        print(f"top-{k}: {figures[f'factorized_top_k/top_{k}_categorical_accuracy']:.4f}")

    index = tfrs.layers.factorized_top_k.BruteForce(model.user_model)
    index.index_from_dataset(movies.batch(100).map(lambda title: (title, model.movie_model(title))))
    _, titles = index(np.array(["42"]))
    print("Recommendations for user 42:", [title.decode() for title in titles[0, :3].numpy()])
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked = parser.parse_args()
    main(asked.epochs, asked.quick)

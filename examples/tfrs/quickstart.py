"""The quickstart of TensorFlow Recommenders, with one import changed.

Two towers that start from strings learn from MovieLens-100K who watched what; then the films most
like a user's taste are looked up. Run it with ``python examples/tfrs/quickstart.py``.
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


def load() -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Ratings as user ids and film titles, and all films' titles, as strings."""
    data = movielens("100k")
    titles = data.items["title"].to_list()
    title_of = dict(zip(data.items["item"], titles, strict=True))
    frame = data.interactions.frame
    ratings = tf.data.Dataset.from_tensor_slices(
        {
            "user_id": [str(user) for user in frame["user"]],
            "movie_title": [title_of[item] for item in frame["item"]],
        }
    )
    return ratings, tf.data.Dataset.from_tensor_slices(titles)


class MovieLensModel(tfrs.Model):
    def __init__(self, user_model, movie_model, task):
        super().__init__()
        self.user_model = user_model
        self.movie_model = movie_model
        self.task = task

    def compute_loss(self, features, training=False):  # noqa: ARG002
        user_embeddings = self.user_model(features["user_id"])
        movie_embeddings = self.movie_model(features["movie_title"])
        return self.task(user_embeddings, movie_embeddings)


def main(epochs: int = 3) -> tuple[dict[str, float], list[str]]:
    keras.utils.set_random_seed(42)
    ratings, movies = load()

    # In batches: one at a time, Keras takes minutes over a hundred thousand ids.
    user_ids_vocabulary = keras.layers.StringLookup(mask_token=None)
    user_ids_vocabulary.adapt(ratings.batch(10_000).map(lambda x: x["user_id"]))
    movie_titles_vocabulary = keras.layers.StringLookup(mask_token=None)
    movie_titles_vocabulary.adapt(movies.batch(10_000))

    user_model = keras.Sequential(
        [
            user_ids_vocabulary,
            keras.layers.Embedding(user_ids_vocabulary.vocabulary_size(), 64),
        ]
    )
    movie_model = keras.Sequential(
        [
            movie_titles_vocabulary,
            keras.layers.Embedding(movie_titles_vocabulary.vocabulary_size(), 64),
        ]
    )
    task = tfrs.tasks.Retrieval(
        metrics=tfrs.metrics.FactorizedTopK(movies.batch(128).map(movie_model))
    )

    model = MovieLensModel(user_model, movie_model, task)
    model.compile(optimizer=keras.optimizers.Adagrad(0.5))
    model.fit(ratings.batch(4096), epochs=epochs, verbose=2)

    figures = model.evaluate(ratings.batch(4096), return_dict=True, verbose=0)
    print("On the ratings it was trained on:")
    for name, value in figures.items():
        print(f"  {name:45} {value:12.4f}")

    index = tfrs.layers.factorized_top_k.BruteForce(model.user_model)
    index.index_from_dataset(movies.batch(100).map(lambda title: (title, model.movie_model(title))))
    _, titles = index(np.array(["12"]))
    best = [title.decode() for title in titles[0, :3].numpy()]
    print(f"Top 3 recommendations for user 12: {best}")
    return figures, best


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one epoch, to try whether it runs")
    asked = parser.parse_args()
    main(1 if asked.quick else asked.epochs)

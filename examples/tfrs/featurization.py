"""Featurization: how ids, times and titles become what a model reads.

The preprocessing layers of Keras, with strings, as on the page, so this one needs TensorFlow:
``StringLookup`` and ``Hashing`` for ids, ``Normalization`` and ``Discretization`` for times,
``TextVectorization`` for titles. The page ends with the vectors of
a user and a film, of the sizes printed here.
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


def load(rows: int | None) -> tf.data.Dataset:
    """Ratings with ids and titles as strings."""
    data = movielens("100k")
    ratings = data.interactions.frame.join(data.items.select("item", "title"), on="item")
    ratings = ratings.head(rows or len(ratings))
    return tf.data.Dataset.from_tensor_slices(
        {
            "user_id": ratings["user"].cast(str).to_list(),
            "movie_title": ratings["title"].to_list(),
            "timestamp": ratings["time"].to_numpy().astype("float32"),
        }
    )


def column(ratings: tf.data.Dataset, name: str) -> tf.data.Dataset:
    """One column in large batches, for layers to adapt to: one by one takes minutes."""
    return ratings.batch(10_000).map(lambda row: row[name])


class UserModel(keras.Model):
    """An id, a bucket of time and the time itself."""

    def __init__(self, ratings: tf.data.Dataset):
        super().__init__()
        lookup = keras.layers.StringLookup(mask_token=None)
        lookup.adapt(column(ratings, "user_id"))
        self.user_embedding = keras.Sequential(
            [lookup, keras.layers.Embedding(lookup.vocabulary_size(), 32)]
        )
        times = np.concatenate(list(column(ratings, "timestamp").as_numpy_iterator()))
        edges = np.linspace(times.min(), times.max(), num=1000).tolist()
        self.timestamp_embedding = keras.Sequential(
            [keras.layers.Discretization(edges), keras.layers.Embedding(len(edges) + 1, 32)]
        )
        self.normalized_timestamp = keras.layers.Normalization(axis=None)
        self.normalized_timestamp.adapt(times)

    def call(self, inputs):
        time = keras.ops.expand_dims(self.normalized_timestamp(inputs["timestamp"]), 1)
        id_and_time = [
            self.user_embedding(inputs["user_id"]),
            self.timestamp_embedding(inputs["timestamp"]),
        ]
        return keras.ops.concatenate([*id_and_time, time], axis=1)


class MovieModel(keras.Model):
    """A title as one id, and as the mean of its words."""

    def __init__(self, ratings: tf.data.Dataset, max_tokens: int = 10_000):
        super().__init__()
        titles = column(ratings, "movie_title")
        lookup = keras.layers.StringLookup(mask_token=None)
        lookup.adapt(titles)
        self.title_embedding = keras.Sequential(
            [lookup, keras.layers.Embedding(lookup.vocabulary_size(), 32)]
        )
        words = keras.layers.TextVectorization(max_tokens=max_tokens)
        words.adapt(titles)
        self.title_text_embedding = keras.Sequential(
            [
                words,
                keras.layers.Embedding(max_tokens, 32, mask_zero=True),
                keras.layers.GlobalAveragePooling1D(),
            ]
        )

    def call(self, inputs):
        title = inputs["movie_title"]
        embeddings = [self.title_embedding(title), self.title_text_embedding(title)]
        return keras.ops.concatenate(embeddings, axis=1)


class MovielensModel(tfrs.Model):
    """What the features are for: two towers that start from the raw columns."""

    def __init__(self, ratings: tf.data.Dataset):
        super().__init__()
        self.user_model = UserModel(ratings)
        self.movie_model = MovieModel(ratings)
        self.query = keras.Sequential([self.user_model, keras.layers.Dense(32)])
        self.candidate = keras.Sequential([self.movie_model, keras.layers.Dense(32)])
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):  # noqa: ARG002
        user = {name: features[name] for name in ("user_id", "timestamp")}
        film = {"movie_title": features["movie_title"]}
        return self.task(self.query(user), self.candidate(film))


def main(epochs: int = 1, quick: bool = False) -> dict[str, float]:
    keras.utils.set_random_seed(42)
    ratings = load(2000 if quick else None)

    # Where a vocabulary is not worth its memory, hash; two ids may then share a row.
    hashing = keras.layers.Hashing(num_bins=200_000)
    titles = ["Star Wars (1977)", "One Flew Over the Cuckoo's Nest (1975)"]
    print("Hashed titles:", hashing(titles).numpy().tolist())

    model = MovielensModel(ratings)
    first = next(iter(ratings.batch(1)))
    user = model.user_model({name: first[name] for name in ("user_id", "timestamp")})
    film = model.movie_model({"movie_title": first["movie_title"]})
    print("A user's vector:", tuple(user.shape), "and a film's:", tuple(film.shape))

    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    history = model.fit(ratings.batch(4096).cache(), epochs=epochs, verbose=0).history
    print(f"Loss of towers on these features: {history['loss'][-1]:.1f}")
    return {"user": user.shape[1], "film": film.shape[1], "loss": history["loss"][-1]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few rows, to try whether it runs")
    asked = parser.parse_args()
    main(asked.epochs, asked.quick)

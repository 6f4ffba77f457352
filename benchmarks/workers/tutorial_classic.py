"""Ours: the TFRS quickstart on `shortlist.tfrs`, line for line the program of tutorial_tfrs.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench import serve


def make(folder: str, epochs: int) -> Callable[[], Callable[[], dict[str, float]]]:
    import keras
    import numpy as np
    import tensorflow as tf

    from shortlist import tfrs

    users, titles = (np.load(Path(folder) / f"{name}.npy") for name in ("users", "titles"))
    ratings = tf.data.Dataset.from_tensor_slices({"user_id": users, "movie_title": titles})
    movies = tf.data.Dataset.from_tensor_slices(np.unique(titles))
    # Given, not adapted: unbatched `adapt` would take minutes, and batched it breaks Sequential.
    user_ids_vocabulary = keras.layers.StringLookup(vocabulary=np.unique(users), mask_token=None)
    movie_titles_vocabulary = keras.layers.StringLookup(
        vocabulary=np.unique(titles), mask_token=None
    )

    class MovieLensModel(tfrs.Model):
        def __init__(self, user_model, movie_model, task):
            super().__init__()
            self.user_model = user_model
            self.movie_model = movie_model
            self.task = task

        def compute_loss(self, features, training=False):
            user_embeddings = self.user_model(features["user_id"])
            movie_embeddings = self.movie_model(features["movie_title"])
            return self.task(user_embeddings, movie_embeddings)

    def run() -> Callable[[], dict[str, float]]:
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
        model.fit(ratings.batch(4096), epochs=epochs, verbose=0)
        index = tfrs.layers.factorized_top_k.BruteForce(model.user_model)
        index.index_from_dataset(
            movies.batch(100).map(lambda title: (title, model.movie_model(title)))
        )
        index(np.array(["42"]))

        def accuracies() -> dict[str, float]:
            logs = model.evaluate(ratings.batch(4096), verbose=0, return_dict=True)
            return {
                f"top_{k}": float(logs[f"factorized_top_k/top_{k}_categorical_accuracy"])
                for k in (1, 5, 10, 50, 100)
            }

        return accuracies

    return run


serve(make)

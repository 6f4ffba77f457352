"""TFRS: FactorizedTopK in an evaluation that does nothing else, candidates in batches of 128."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench import serve


def make(folder: str, batch: int) -> Callable[[], dict[str, float]]:
    import numpy as np
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    queries, candidates, truth = (
        np.load(Path(folder) / f"{name}.npy") for name in ("queries", "candidates", "truth")
    )
    # As in its tutorials: `movies.batch(128).map(movie_model)`.
    corpus = tf.data.Dataset.from_tensor_slices(candidates).batch(128).cache()

    class Evaluated(tfrs.Model):
        def __init__(self) -> None:
            super().__init__()
            self.metric = tfrs.metrics.FactorizedTopK(corpus)
            self.items = tf.keras.layers.Embedding(
                *candidates.shape, embeddings_initializer=tf.constant_initializer(candidates)
            )

        def compute_loss(self, features: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
            true = self.items(features["item"])
            with tf.control_dependencies([self.metric.update_state(features["query"], true)]):
                return tf.zeros(())

    columns = {"query": queries, "item": truth}
    batches = tf.data.Dataset.from_tensor_slices(columns).batch(batch).cache()
    model = Evaluated()
    model.compile()

    def run() -> dict[str, float]:
        logs = model.evaluate(batches, verbose=0, return_dict=True)
        return {str(k): logs[f"factorized_top_k/top_{k}_categorical_accuracy"] for k in (1, 100)}

    return run


serve(make)

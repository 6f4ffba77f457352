"""Retrieval by ``tf.distribute`` on two virtual devices, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import pytest

pytestmark = [
    pytest.mark.backend,
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it is about tf.distribute"),
]

# The devices must be there before TensorFlow's first operation.
PROGRAM = """
import numpy as np, tensorflow as tf
from shortlist import models, tasks
import keras

half = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [half, half])
strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
names = tf.constant(["a", "b", "c", "d", "e", "f", "g"])

class Towers(models.Model):
    def __init__(self, options, masked):
        super().__init__()
        start = keras.initializers.RandomUniform(seed=1)
        self.users = keras.layers.Embedding(5, 3, embeddings_initializer=start)
        self.items = keras.layers.Embedding(7, 3, embeddings_initializer=start)
        self.task, self.masked = tasks.Retrieval(**options), masked
    def compute_loss(self, features, training=False):
        ids = tf.gather(names, features["item"])
        mask = tf.ones((tf.shape(ids)[0],) * 2, "bool") if self.masked else None
        users, items = self.users(features["user"]), self.items(features["item"])
        return self.task(
            users, items, features["weight"], features["rate"], ids, score_mask=mask
        )

generator = np.random.default_rng(0)
columns = {
    "user": generator.integers(0, 5, 32),
    "item": generator.integers(0, 7, 32),
    "weight": generator.uniform(size=32).astype("f4"),
    "rate": generator.uniform(size=32).astype("f4"),
}
data = tf.data.Dataset.from_tensor_slices(columns).batch(8)

def trained(options, masked):
    model = Towers(options, masked)
    model.compile(optimizer=keras.optimizers.SGD(0.5))
    model.fit(data, epochs=2, verbose=0)
    return [np.array(layer.embeddings) for layer in (model.users, model.items)]

for options, masked in [
    ({}, False),
    ({"remove_accidental_hits": True, "temperature": 0.5}, True),
    ({"num_hard_negatives": 3}, False),
]:
    alone = trained(options, masked)
    with strategy.scope():
        together = trained(options, masked)
    for one, two in zip(alone, together):
        assert np.abs(one).max() > 0.06
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-6, err_msg=str(options))
"""


def test_the_candidates_of_all_replicas_are_negatives():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]

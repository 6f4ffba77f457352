"""Training by ``tf.distribute`` on two virtual devices, in a process of its own."""

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
from shortlist import layers, models
from shortlist.errors import ConfigError
import keras

half = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [half, half])
strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])

class Ratings(models.Model):
    def __init__(self, table):
        super().__init__()
        self.table = table
    def compute_loss(self, features, training=False):
        predicted = keras.ops.sum(self.table(features["id"]), axis=-1)
        return keras.ops.sum((predicted - features["rating"]) ** 2)

generator = np.random.default_rng(0)
columns = {"id": generator.integers(0, 5, 32), "rating": generator.normal(size=32).astype("f4")}
data = tf.data.Dataset.from_tensor_slices(columns).batch(8)

def trained():
    model = Ratings(keras.layers.Embedding(5, 2, embeddings_initializer="ones"))
    model.compile(optimizer=keras.optimizers.SGD(0.01))
    history = model.fit(data, epochs=2, verbose=0).history
    return np.array(model.table.embeddings), history["loss"]

alone, _ = trained()
with strategy.scope():
    together, losses = trained()
np.testing.assert_allclose(together, alone, rtol=1e-5)
assert losses[1] < losses[0]

with strategy.scope():
    model = Ratings(layers.Embedding(5, 2))
    model.compile(optimizer=keras.optimizers.SGD(0.01))
    try:
        model.fit(data, verbose=0)
    except ConfigError as error:
        assert "one replica" in str(error), error
    else:
        raise SystemExit("a table of rows was trained on two replicas")
"""


def test_two_replicas_train_as_one_and_refuse_tables_of_rows():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]

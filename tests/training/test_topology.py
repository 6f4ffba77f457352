"""A run that was saved on eight devices goes on with others, the optimizer's state included."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import pytest

pytestmark = [
    pytest.mark.backend,
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX alone has it"),
]

# Of 104 rows and 8 columns neither divides by three: that table is kept whole there.
PROGRAM = """
import shutil, sys
from pathlib import Path
import keras, numpy as np
from shortlist.data import Batches
from shortlist.errors import BundleError, ConfigError
from shortlist.layers import Embedding
from shortlist.models import Model
from shortlist.tasks import Retrieval
from shortlist.training import BatchDataset, Checkpoint, many_devices, set_seed
from shortlist.training.state import arrays_of, variables_of

DEVICES = keras.distribution.list_devices()
random = np.random.default_rng(0)
DATA = {
    "user": random.integers(0, 96, 120).astype("int32"),
    "item": (random.zipf(1.5, 120) % 104).astype("int32"),
}

class Towers(Model):
    def __init__(self, dim):
        super().__init__()
        self.users = Embedding(96, dim)
        self.items = Embedding(104, dim)
        self.dropout = keras.layers.Dropout(0.2)
        self.dense = keras.layers.Dense(dim)
        self.task = Retrieval()

    def compute_loss(self, features, training=False):
        query = self.dropout(self.dense(self.users(features["user"])))
        return self.task(query, self.items(features["item"]))

class Stop(keras.callbacks.Callback):
    steps = 0
    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == 9:
            raise KeyboardInterrupt

def run(devices, shards, folder=None, extra=(), dim=8, batch_size=24, optimizer="adam"):
    set_seed(5)
    data = BatchDataset(Batches(DATA, batch_size, seed=1))
    callbacks = [*extra, *([Checkpoint(folder, every=3, data=data)] if folder else [])]
    with many_devices(shards, devices=DEVICES[:devices], min_rows=90).scope():
        model = Towers(dim)
        model.compile(keras.optimizers.get(optimizer))
        model.fit(data, epochs=3, shuffle=False, verbose=0, callbacks=callbacks)
    return model, arrays_of(variables_of(model))

root = Path(sys.argv[1])
_, expected = run(1, 1)
try:
    run(8, 8, root, [Stop()])
except KeyboardInterrupt:
    pass
saved = root / "step-0000000008"  # in the middle of the second epoch
assert saved.exists()

def copy(name):
    shutil.copytree(root, root.parent / name)
    return root.parent / name

for devices, shards, parts in ((1, 1, (96, 104)), (3, 3, (32, 104))):
    model, found = run(devices, shards, copy(f"on {devices}"))
    tables = [model.users.table, model.items.table]
    assert tuple(t.value.addressable_shards[0].data.shape[0] for t in tables) == parts
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-5, err_msg=name)

for error, change in (
    (BundleError, {"dim": 4}),
    (BundleError, {"optimizer": "sgd"}),
    (ConfigError, {"batch_size": 12}),
):
    try:
        run(1, 1, root, **change)
    except error as refused:
        print(refused)
    else:
        raise SystemExit(f"{change} was taken")
"""


def test_a_run_on_eight_devices_goes_on_with_one_and_with_three(tmp_path):
    flags = "--xla_force_host_platform_device_count=8"
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path / "saved")],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
    )
    assert child.returncode == 0, child.stderr[-4000:]
    shape, optimizer, batches = child.stdout.splitlines()
    assert "of another model or optimizer: for model/00000" in shape
    assert "has an array of shape (96, 8), and the variable expected there is" in shape
    assert "of another model or optimizer" in optimizer
    assert "in the middle of an epoch of batches with batch_size 24; now it is 12" in batches

"""The same program, weights and batches give the same model on every installed backend."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import json
import keras, numpy as np
from shortlist.data import Batches
from shortlist.features import FeatureInfo
from shortlist.models import TwoTower
from shortlist.training import BatchDataset

rng = np.random.default_rng(0)
rows = 512
batch = {
    "history": rng.integers(0, 50, size=(rows, 6)).astype("int32"),
    "user": rng.integers(0, 30, size=rows).astype("int32"),
    "item": rng.integers(1, 50, size=rows).astype("int32"),
    "year": rng.normal(size=rows).astype("float32"),
    "candidate_probability": rng.uniform(0.01, 0.1, size=rows).astype("float32"),
}
users, items = FeatureInfo("categorical", size=30), FeatureInfo("categorical", size=50)
model = TwoTower(
    {"history": FeatureInfo("multi", size=50, length=6), "user": users},
    {"item": items, "year": FeatureInfo("numeric")},
    embedding_dim=8,
    history="history",
)
model.build_all()
for weight in model.weights:
    if "seed" not in weight.path:
        weight.assign(rng.normal(0, 0.1, size=weight.shape).astype("float32"))
model.compile(keras.optimizers.%s)
fitted = model.fit(BatchDataset(Batches(batch, 128, seed=3)), epochs=5, shuffle=False, verbose=0)
print(json.dumps({
    "loss": fitted.history["loss"],
    "queries": model.embed_queries(batch).tolist(),
    "candidates": model.embed_candidates(batch).tolist(),
}))
"""


def trained(backend, optimizer):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM % optimizer],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["Adagrad(0.1)", "AdamW(0.01, weight_decay=0.1)"])
def test_every_backend_trains_the_same_two_towers(optimizer):
    installed = [b for b in ("jax", "tensorflow", "torch") if importlib.util.find_spec(b)]
    assert len(installed) > 1
    first, *others = [trained(backend, optimizer) for backend in installed]
    for other in others:
        for part in ("loss", "queries", "candidates"):
            np.testing.assert_allclose(other[part], first[part], rtol=1e-3, atol=2e-4)

"""Two real processes on loopback against one: the same loss and weights, also after a crash."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from shortlist._backend import processes
from shortlist.errors import BundleError, ConfigError, TrainingError
from shortlist.training import Checkpoint, many_processes
from shortlist.training.processes import Processes, own_part

pytestmark = pytest.mark.backend
only_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX alone has it")
DOCS = Path(__file__).parents[2] / "docs" / "distribution.md"

PROGRAM = """
import json, os, signal, sys
from shortlist.training import BatchDataset, Checkpoint, many_devices, many_processes, set_seed

me = many_processes(timeout=20)  # before anything that asks JAX for its devices
import keras
import numpy as np
from shortlist.data import Batches
from shortlist.layers import Embedding
from shortlist.models import Model
from shortlist.tasks import Retrieval
from shortlist.training.state import arrays_of, variables_of

ROWS = 96
shards, folder, dies, out = json.loads(sys.argv[1])


class Towers(Model):
    def __init__(self):
        super().__init__()
        self.users = Embedding(ROWS, 8)
        self.items = Embedding(ROWS, 8)
        self.dropout = keras.layers.Dropout(0.2)
        self.dense = keras.layers.Dense(8)
        self.task = Retrieval()

    def compute_loss(self, features, training=False):
        history = keras.ops.sum(self.items(features["latest"]), axis=1)
        query = self.dropout(self.dense(self.users(features["user"]) + history))
        return self.task(query, self.items(features["item"]), sample_weight=features["weight"])


class Die(keras.callbacks.Callback):
    steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if [me.index, self.steps] == dies:
            os.kill(os.getpid(), signal.SIGKILL)


random = np.random.default_rng(0)
columns = {
    "user": random.integers(0, ROWS, 100).astype("int32"),
    "latest": random.integers(0, ROWS, (100, 3)).astype("int32"),
    "item": (random.zipf(1.5, 100) % ROWS).astype("int32"),
}
data = BatchDataset(Batches(columns, 32, pad=True, seed=1))
set_seed(5)
with many_devices(shards, min_rows=ROWS).scope():
    model = Towers()
    model.compile(keras.optimizers.Adam(0.01))
    saves = [Checkpoint(folder, every=2, data=data)] if folder else []
    logs = model.fit(
        data, epochs=3, shuffle=False, verbose=0, callbacks=[Die(), *saves]
    ).history
    arrays = arrays_of(variables_of(model))
    parts = [v.value.addressable_shards[0].data.shape for v in model.variables]
    assert ((ROWS // shards, 8) in parts) and (shards == 1 or (ROWS, 8) not in parts)
if me.index == 0:
    np.savez(out, loss=np.array(logs["loss"][-1]), **arrays)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(program, count=1, *arguments, folder=None):
    """The processes of a program, which write what they say into files."""
    address = f"127.0.0.1:{free_port()}"
    begun = []
    for index in range(count):
        names = {
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
            "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
            "KERAS_DISTRIBUTION_PROCESS_ID": str(index),
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
        }
        begun.append(
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", program, *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=folder,
                env=os.environ | names,
            )
        )
    return begun


def finished(begun):
    """What the processes said; they must have ended well."""
    said = [process.communicate(timeout=300)[0] for process in begun]
    for process, text in zip(begun, said, strict=True):
        assert process.returncode == 0, text[-4000:]
    return said


def arguments(out, shards=1, folder=None, dies=None):
    return json.dumps([shards, folder and str(folder), dies, str(out)])


@only_jax
@pytest.mark.slow
def test_two_processes_train_as_one_and_go_on_after_one_was_killed(tmp_path):
    saved = tmp_path / "saved"
    first, second = start(PROGRAM, 2, arguments(tmp_path / "never", 1, saved, [1, 9]))
    second.communicate(timeout=300)
    assert second.returncode == -signal.SIGKILL
    lost = time.monotonic()
    said = first.communicate(timeout=60)[0]
    assert time.monotonic() - lost < 60
    assert first.returncode == 1, said[-4000:]
    assert "TrainingError: Process 0 of 2 stops: another one was lost" in said
    # Whole checkpoints and nothing else.
    assert sorted(p.name for p in saved.iterdir()) == ["step-0000000006", "step-0000000008"]
    assert not (tmp_path / "never.npz").exists()

    # They go on, with the tables split between them now, and end where one process alone ends.
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    alone = start(PROGRAM, 1, arguments(one))
    finished([*start(PROGRAM, 2, arguments(two, 2, saved)), *alone])
    expected, found = np.load(one), np.load(two)
    assert set(found) == set(expected)
    for name in set(found):
        if name.startswith("metrics"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)
        else:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5)


@only_jax
@pytest.mark.slow
def test_the_program_of_the_documentation_runs(tmp_path):
    program = re.search(r"```python\n(# train\.py.*?)```", DOCS.read_text(), re.S).group(1)
    said = finished(start(program, 2, folder=tmp_path))
    assert "epoch 2/2" in said[0]
    assert "epoch" not in said[1]
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"):
        monkeypatch.delenv(f"KERAS_DISTRIBUTION_{name}", raising=False)


def test_a_program_started_by_itself_runs_alone():
    assert many_processes() == Processes(0, 1)
    assert many_processes("10.0.0.1:1", 1, 0) == Processes(0, 1)
    assert own_part() == (0, 1)
    assert processes.gathered(7) == [7]


@only_jax
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("10.0.0.1:80",), r"received no count \(or KERAS_DISTRIBUTION_NUM_PROCESSES\), index"),
        ((None, 2, 0), "received no address"),
        (("10.0.0.1", 2, 0), r'as in "10\.0\.0\.1:1234"; received \'10\.0\.0\.1\''),
        (("10.0.0.1:80", 2, 2), "from 0 to count - 1; received 2 of 2"),
    ],
)
def test_wrong_arguments(given, message):
    with pytest.raises(ConfigError, match=message):
        many_processes(*given)


@only_jax
def test_waiting_has_an_end():
    with pytest.raises(ConfigError, match="1 or more"):
        many_processes("10.0.0.1:80", 2, 0, timeout=0)
    with pytest.raises(ConfigError, match=r"Nobody listens at 127\.0\.0\.1"):
        many_processes(f"127.0.0.1:{free_port()}", 2, 1, wait=1)


@only_jax
def test_the_environment_says_who_one_is(monkeypatch):
    joined = []
    monkeypatch.setattr(processes, "start", lambda *given: joined.append(given))
    monkeypatch.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", "10.0.0.1:80, 10.0.0.2:80")
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "0")
    many_processes(timeout=9, wait=8)
    many_processes("auto")
    assert joined == [("10.0.0.1:80", 2, 0, 9, 8), (None, None, None, 30, 300)]
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "first")
    with pytest.raises(ConfigError, match="PROCESS_ID expected a whole number; received 'first'"):
        many_processes()


@only_jax
def test_it_comes_before_anything_that_computes():
    keras.ops.zeros(1)
    with pytest.raises(ConfigError, match="before anything computes"):
        many_processes(f"127.0.0.1:{free_port()}", 2, 0)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="it can")
def test_other_backends_cannot():
    with pytest.raises(ConfigError, match="KERAS_BACKEND=jax"):
        many_processes("10.0.0.1:80", 2, 0)


def test_only_a_lost_process_is_called_one(monkeypatch):
    monkeypatch.setattr(processes, "count", lambda: 2)
    with pytest.raises(ValueError, match="a wrong shape"), processes.stops_together():
        raise ValueError("a wrong shape")
    with (
        pytest.raises(TrainingError, match="another one was lost"),
        processes.stops_together(),
    ):
        raise RuntimeError("UNKNOWN: Gloo all-reduce failed: Connection closed by peer")


def test_processes_must_find_the_same_checkpoint(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "gathered", lambda number: [8, number])
    with pytest.raises(BundleError, match=r"process 0 8, process 1 none\. Put the folder on"):
        Checkpoint(tmp_path).on_train_begin()

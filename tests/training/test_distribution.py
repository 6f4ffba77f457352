"""Eight simulated devices of one process: the weights do not depend on how they are used."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from shortlist._backend import processes
from shortlist.errors import ConfigError
from shortlist.training import TableParallel, many_devices
from shortlist.training.distribution import check_processes, split_axes

pytestmark = pytest.mark.backend

PROGRAM = """
import re, sys
import numpy as np
from shortlist import training
import jax, keras
from shortlist.layers import Embedding
from shortlist.metrics import FactorizedTopK
from shortlist.models import Model
from shortlist.tasks import Retrieval
from shortlist.training import many_devices

ROWS = 64
random = np.random.default_rng(0)
DATA = {
    "user": random.integers(0, ROWS, 96).astype("int32"),
    "latest": random.integers(0, ROWS, (96, 3)).astype("int32"),
    "item": (random.zipf(1.5, 96) % ROWS).astype("int32"),
}
DEVICES = keras.distribution.list_devices()


class Towers(Model):
    def __init__(self):
        super().__init__()
        self.users = Embedding(ROWS, 8, name="users")
        self.items = Embedding(ROWS, 8, name="items")
        self.dense = keras.layers.Dense(8, name="dense")
        metric = FactorizedTopK(lambda: self.items(np.arange(ROWS)), ks=(5,))
        self.task = Retrieval(metrics=metric)

    def compute_loss(self, features, training=False):
        history = keras.ops.sum(self.items(features["latest"]), axis=1)
        query = self.dense(self.users(features["user"]) + history)
        positives = self.items(features["item"])
        return self.task(query, positives, compute_metrics=not training)


def trained(optimizer, devices=1, shards=1):
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    chosen = many_devices(shards, devices=DEVICES[:devices], min_rows=ROWS)
    with chosen.scope():
        model = Towers()
        model.compile(keras.optimizers.get(optimizer))
        losses = model.fit(DATA, batch_size=32, epochs=2, shuffle=False, verbose=0)
        logs = model.evaluate(DATA, batch_size=32, verbose=0, return_dict=True)
    variables = [*model.variables, *model.optimizer.variables]
    values = [*map(np.asarray, variables), np.array(losses.history["loss"] + list(logs.values()))]
    return model, variables, values
"""


def run(code: str) -> str:
    flags = "--xla_force_host_platform_device_count=8"
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
    )
    assert child.returncode == 0, child.stderr[-4000:]
    return child.stdout


only_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX alone has it")


@only_jax
@pytest.mark.slow
def test_loss_and_weights_do_not_depend_on_the_devices():
    run(
        """
        cases = {"adagrad": [(2, 1), (4, 1), (8, 1), (8, 8)], "adam": [(8, 2)]}
        for optimizer, ways in cases.items():
            _, _, expected = trained(optimizer)
            for devices, shards in ways:
                model, variables, found = trained(optimizer, devices, shards)
                for one, other in zip(expected, found, strict=True):
                    np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-5)
                tables = [v for v in variables if v.shape and v.shape[0] == ROWS]
                assert len(tables) > 3
                for table in tables:
                    part = next(iter(table.value.addressable_shards)).data.shape
                    assert part[0] == ROWS // shards, (table.path, part)
        """
    )


@only_jax
@pytest.mark.slow
def test_a_step_never_brings_a_whole_table_together():
    run(
        """
        ROWS = 4096
        model, _, _ = trained("adagrad", 8, 8)
        state = model._get_jax_state(True, True, True, True)
        batch = {name: jax.numpy.asarray(column[:32]) for name, column in DATA.items()}
        with many_devices(8, devices=DEVICES, min_rows=ROWS).scope():
            step = jax.jit(model.train_step, out_shardings=(None, model._get_state_sharding_spec()))
            program = step.lower(state, (batch,)).compile().as_text()
        moves = re.findall(r" = (.*?) all-(?:gather|to-all|reduce)[(]", program)
        sizes = [int(size) for move in moves for size in re.findall(r"[[]([0-9]+)", move)]
        assert sizes, "nothing is moved between the devices, so nothing was looked at"
        assert max(sizes) < ROWS // 8, sizes
        """
    )


@only_jax
@pytest.mark.slow
def test_saved_from_eight_devices_and_loaded_on_one_and_on_two(tmp_path):
    run(
        f"""
        path = {str(tmp_path / "model.weights.h5")!r}
        model, _, _ = trained("adagrad", 8, 8)
        model.save_weights(path)
        expected = model.get_weights()
        for devices in (1, 2):
            other, _, _ = trained("adagrad", devices, devices)
            other.load_weights(path)
            for one, two in zip(expected, other.get_weights(), strict=True):
                np.testing.assert_array_equal(one, two)
        """
    )


@only_jax
@pytest.mark.slow
def test_a_batch_that_does_not_divide_is_an_error_with_a_remedy():
    found = run(
        """
        from shortlist.errors import DataError
        with many_devices(devices=DEVICES).scope():
            model = Towers()
            model.compile("adagrad")
            try:
                model.fit(DATA, batch_size=60, verbose=0)
            except DataError as error:
                print(error)
        """
    )
    assert "divide evenly among the devices" in found
    assert "Batches(pad=True)" in found


def test_how_a_table_is_split():
    assert split_axes((100, 6), 4, 100) == ["shards", None]
    assert split_axes((101, 8), 4, 100) == [None, "shards"]
    assert split_axes((101, 6), 4, 100) == [None, None]
    assert split_axes((100,), 4, 100) == ["shards"]
    assert split_axes((99, 8), 4, 100) == [None, None]
    assert split_axes((), 4, 100) == []


@only_jax
@pytest.mark.parametrize("shards", [0, 2, 3])
def test_shards_must_divide_the_devices(shards):
    with pytest.raises(ConfigError, match=r"a divisor of the number of devices, 1; received"):
        TableParallel(shards, devices=["cpu:0"])


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="it can")
def test_other_backends_say_where_to_look():
    with pytest.raises(ConfigError, match=r"tf\.distribute"):
        many_devices()


@only_jax
def test_one_device_is_a_distribution_too():
    assert np.prod(many_devices(devices=["cpu:0"]).device_mesh.shape) == 1


def test_parts_of_the_batch_must_lie_whole_with_processes(monkeypatch):
    monkeypatch.setattr(processes, "count", lambda: 4)
    for parts in (1, 2, 4, 8):
        check_processes(parts)
    with pytest.raises(ConfigError, match=r"divide among 4 processes.* it leaves 6"):
        check_processes(6)

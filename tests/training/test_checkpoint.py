from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.bundle import write_folder
from shortlist.data import Batches
from shortlist.errors import BundleError, ConfigError
from shortlist.layers import Embedding
from shortlist.models import Model
from shortlist.training import BatchDataset, Checkpoint, Validation, set_seed

pytestmark = pytest.mark.backend

ROWS = 20


class Small(Model):
    """All that can be forgotten: slots of rows, dense slots, dropout, a schedule, metrics."""

    def __init__(self):
        super().__init__()
        self.table = Embedding(ROWS, 4)
        self.dropout = keras.layers.Dropout(0.3)
        self.top = keras.layers.Dense(1)
        self.seen = keras.metrics.Mean(name="seen")

    def compute_loss(self, features, training=False):
        rows = self.dropout(self.table(features["id"]), training=training)
        self.seen.update_state(features["y"])
        return ops.mean((self.top(rows)[:, 0] - features["y"]) ** 2)


class Kill(keras.callbacks.Callback):
    """Ends the process the hard way after some steps, counted over epochs."""

    def __init__(self, after, how=signal.SIGKILL):
        super().__init__()
        self.after, self.how, self.steps = after, how, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.after:
            os.kill(os.getpid(), self.how)


def data_set():
    rng = np.random.default_rng(0)
    columns = {"id": rng.integers(0, ROWS, 56), "y": rng.normal(size=56).astype("float32")}
    return BatchDataset(Batches(columns, 8, seed=3))


def run(folder, extra=(), epochs=3, shuffle=False, every=2):
    """One run as a program would start it, again and again."""
    set_seed(5)
    data = data_set()
    model = Small()
    rate = keras.optimizers.schedules.CosineDecay(0.1, 30)
    model.compile(keras.optimizers.Adam(rate))
    best = Validation(
        lambda: {"score": float(ops.convert_to_numpy(model.table.table.value).std())},
        monitor="score",
    )
    callbacks = [best, *extra]
    if folder is not None:
        callbacks.append(Checkpoint(folder, every=every, data=data, also=[best]))
    history = model.fit(data, epochs=epochs, shuffle=shuffle, verbose=0, callbacks=callbacks)
    return model, history.history, best


def values(model):
    return [np.array(ops.convert_to_numpy(v.value)) for v in model.variables]


def assert_equal(model, expected):
    for a, b in zip(values(model), expected, strict=True):
        np.testing.assert_array_equal(a, b)


@functools.cache
def unbroken(epochs=3, shuffle=False):
    """Weights, history and the best validation of a run that nothing interrupts."""
    model, history, best = run(None, epochs=epochs, shuffle=shuffle)
    return values(model), history, best


def killed_run(folder, after, shuffle):
    """Run in a process of its own, which kills itself."""
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_checkpoint as t\n"
        f"t.run({str(folder)!r}, [t.Kill({after})], shuffle={shuffle})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]


@pytest.mark.parametrize(
    ("after", "shuffle"),
    [
        pytest.param(10, False, id="middle of an epoch"),
        pytest.param(14, True, id="end of an epoch, shuffled by Keras", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path, after, shuffle):
    killed_run(tmp_path, after, shuffle)
    resumed, history, best = run(tmp_path, shuffle=shuffle)
    whole, expected, judged = unbroken(shuffle=shuffle)
    assert_equal(resumed, whole)
    # The epochs that the resumed run went through, the broken one among them, have the same logs.
    epochs = len(history["loss"])
    assert 0 < epochs < 3
    for name, numbers in history.items():
        np.testing.assert_allclose(numbers, expected[name][-epochs:], rtol=1e-6)
    assert best.best == judged.best
    assert best.best_epoch == judged.best_epoch


@pytest.mark.parametrize("after", [1, 11])
def test_a_run_that_is_interrupted_anywhere_goes_on_exactly(tmp_path, after):
    class Stop(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_begin(self, batch, logs=None):
            self.steps += 1
            if self.steps > after:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [Stop()])
    assert_equal(run(tmp_path)[0], unbroken()[0])


def test_a_finished_run_is_not_trained_again(tmp_path):
    run(tmp_path)
    again, history, _ = run(tmp_path)
    assert history == {}
    assert_equal(again, unbroken()[0])


def test_a_longer_run_goes_on_from_a_shorter_one(tmp_path):
    run(tmp_path, epochs=1)
    # The schedule, the data and the dropout are those of the second and third epoch.
    longer, history, best = run(tmp_path, epochs=3)
    whole, _, judged = unbroken()
    assert len(history["loss"]) == 2
    assert best.best == judged.best
    assert_equal(longer, whole)


def test_early_stopping_is_remembered(tmp_path):
    def stopped(folder):
        set_seed(5)
        data, model = data_set(), Small()
        model.compile("adagrad")
        stop = Validation(lambda: {"x": 1.0}, monitor="x", patience=2)
        save = Checkpoint(folder, data=data, also=[stop])
        return model.fit(data, epochs=9, shuffle=False, verbose=0, callbacks=[stop, save]).history

    assert len(stopped(tmp_path)["loss"]) == 3
    assert stopped(tmp_path) == {}


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras has none on PyTorch")
def test_steps_per_execution(tmp_path):
    def go(folder, epochs):
        set_seed(5)
        data, model = data_set(), Small()
        model.compile(keras.optimizers.Adagrad(0.1), steps_per_execution=3)
        callbacks = [Checkpoint(folder, every=3, data=data)] if folder else []
        if epochs == 1:
            callbacks.insert(0, Kill(2, signal.SIGINT))
        model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        return model

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, 1)
    assert_equal(go(tmp_path, 2), values(go(None, 2)))


def test_ctrl_c_leaves_a_model_that_can_be_used():
    with pytest.raises(KeyboardInterrupt):
        run(None, [Kill(4, signal.SIGINT)])
    run(None, epochs=1)


def test_only_the_newest_are_kept_and_a_damaged_one_is_passed_over(tmp_path):
    run(tmp_path)
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == ["step-0000000020", "step-0000000021"]
    (tmp_path / kept[1] / "run.json").write_text("{}")
    with pytest.warns(UserWarning, match="cannot be read"):
        resumed, _, _ = run(tmp_path)
    assert_equal(resumed, unbroken()[0])


def test_nothing_left_to_read_is_an_error(tmp_path):
    run(tmp_path, epochs=1)
    for path in tmp_path.iterdir():
        (path / "run.json").unlink()
    with pytest.warns(UserWarning, match="cannot be read"), pytest.raises(BundleError):
        run(tmp_path, epochs=1)


def test_another_model_is_refused_before_anything_changes(tmp_path):
    run(tmp_path, epochs=1)
    set_seed(1)
    model = Small()
    model.compile("sgd")
    with pytest.raises(BundleError, match="another model or optimizer"):
        model.fit(data_set(), verbose=0, callbacks=[Checkpoint(tmp_path)])


def test_another_fit_of_the_same_model_begins_anew(tmp_path):
    run(tmp_path, epochs=1)
    model, _, _ = run(tmp_path, epochs=2)
    assert len(model.fit(data_set(), epochs=2, verbose=0).history["loss"]) == 2


def test_an_unbuilt_model_is_refused(tmp_path):
    run(tmp_path, epochs=1, every=None)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    save = Checkpoint(tmp_path)
    save.set_model(model)
    with pytest.raises(ConfigError, match="must be built"):
        save.on_train_begin()


@pytest.mark.parametrize("option", [{"every": 0}, {"keep": 0}])
def test_wrong_arguments(tmp_path, option):
    with pytest.raises(ConfigError, match="1 or more; received 0"):
        Checkpoint(tmp_path, **option)


def test_a_plain_keras_model_is_saved_after_epochs(tmp_path):
    def go(epochs):
        set_seed(1)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.1), "mse")
        x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
        model.fit(
            x,
            x[:, 0],
            batch_size=4,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[Checkpoint(tmp_path)],
        )
        return model

    go(1)
    resumed = go(3)
    shutil.rmtree(tmp_path)
    assert_equal(resumed, values(go(3)))


def test_a_checkpoint_of_another_version_says_so(tmp_path):
    def write(draft):
        draft.write_json("run.json", {"epoch": 1})

    write_folder(tmp_path / "step-0000000001", write, kind="checkpoint")
    with pytest.raises(BundleError, match=r"written by shortlist .* expected 'batch' in its run"):
        run(tmp_path)

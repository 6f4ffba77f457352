from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.bundle import read_folder
from shortlist.data import Batches
from shortlist.errors import TrainingError
from shortlist.layers import Embedding
from shortlist.models import Model
from shortlist.training import BatchDataset, Checkpoint, StopOnNaN

pytestmark = pytest.mark.backend


class Small(Model):
    def __init__(self):
        super().__init__()
        self.table = Embedding(12, 2)

    def compute_loss(self, features, training=False):
        return ops.mean((self.table(features["id"])[:, 0] - features["y"]) ** 2)


def data_set(bad):
    y = np.zeros(12, "float32")
    if bad is not None:
        y[bad] = np.nan
    return BatchDataset(Batches({"id": np.arange(12), "y": y}, 4, shuffle=False))


def fit(data, *callbacks, epochs=1):
    model = Small()
    model.compile(keras.optimizers.SGD(0.1))
    return model.fit(data, epochs=epochs, verbose=0, shuffle=False, callbacks=list(callbacks))


@pytest.mark.parametrize(("bad", "step"), [(0, 0), (6, 1), (11, 2)])
def test_it_stops_at_the_step_and_saves_its_batch(tmp_path, bad, step):
    data = data_set(bad)
    with pytest.raises(TrainingError, match=rf"nan at epoch 0, step {step} \(both from 0\)"):
        fit(data, StopOnNaN(tmp_path, data=data))
    folder = read_folder(tmp_path / f"nan-epoch-0-step-{step}", kind="batch")
    ids = folder.read_arrays("batch.safetensors")["id"]
    np.testing.assert_array_equal(ids, np.arange(4 * step, 4 * step + 4))
    assert folder.manifest.metadata == {"epoch": 0, "step": step}


def test_the_last_good_checkpoint_stays(tmp_path):
    data = data_set(6)
    save = Checkpoint(tmp_path / "run", every=1, data=data)
    with pytest.raises(TrainingError):
        fit(data, save, StopOnNaN(tmp_path, data=data))
    kept = sorted((tmp_path / "run").iterdir())
    assert [path.name for path in kept] == ["step-0000000001"]
    arrays = read_folder(kept[0], kind="checkpoint").read_arrays("variables.safetensors")
    assert all(np.isfinite(a).all() for a in arrays.values())


def test_without_a_folder_it_says_how_to_save_the_batch():
    with pytest.raises(TrainingError, match="give StopOnNaN a folder"):
        fit(data_set(0), StopOnNaN())


def test_a_good_run_is_left_alone(tmp_path):
    data = data_set(None)
    assert len(fit(data, StopOnNaN(tmp_path, data=data), epochs=2).history["loss"]) == 2
    assert list(tmp_path.iterdir()) == []

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.models import Model
from shortlist.training import Validation

pytestmark = pytest.mark.backend


class Counter(Model):
    """Its weight falls by one at every step."""

    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")

    def compute_loss(self, features, training=False):
        return self.weight * ops.mean(features["x"])


def fitted(scores, epochs=6, **options):
    model = Counter()
    model.compile(keras.optimizers.SGD(1.0))
    scores = iter(scores)
    callback = Validation(lambda: {"ndcg@10": next(scores)}, monitor="ndcg@10", **options)
    history = model.fit(
        {"x": np.ones(4, "float32")},
        batch_size=4,
        epochs=epochs,
        verbose=0,
        callbacks=[callback],
    )
    return float(ops.convert_to_numpy(model.weight.value)), history.history, callback


def test_numbers_are_in_the_logs():
    _, history, _ = fitted([0.1, 0.2, 0.3], epochs=3)
    assert history["val_ndcg@10"] == [0.1, 0.2, 0.3]


def test_the_best_weights_come_back():
    weight, _, callback = fitted([0.1, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert weight == -2.0
    assert callback.best == 0.5
    assert callback.best_epoch == 1


def test_the_last_weights_stay_if_asked():
    assert fitted([0.1, 0.5, 0.4], epochs=3, restore_best=False)[0] == -3.0


def test_it_stops_when_nothing_gets_better():
    _, history, _ = fitted([0.1, 0.5, 0.4, 0.5, 0.9, 0.9], patience=2)
    assert len(history["loss"]) == 4


def test_the_smallest_can_be_the_best_and_a_trifle_is_no_progress():
    weight, history, _ = fitted([0.5, 0.49, 0.48], mode="min", min_delta=0.1, patience=2)
    assert len(history["loss"]) == 3
    assert weight == -1.0


def test_it_can_be_called_every_other_epoch():
    _, history, _ = fitted([0.1, 0.2], epochs=5, every=2)
    assert history["val_ndcg@10"] == [0.1, 0.2]


def test_a_nan_is_never_the_best():
    weight, _, callback = fitted([float("nan"), 0.1, float("nan")], epochs=3)
    assert callback.best == 0.1
    assert weight == -2.0


def test_a_wrong_monitor_is_named_with_the_nearest():
    model = Counter()
    model.compile("sgd")
    callback = Validation(lambda: {"ndcg@10": 1.0}, monitor="ndgc@10")
    with pytest.raises(ConfigError, match=r"Did you mean 'ndcg@10'\?"):
        model.fit({"x": np.ones(4, "float32")}, verbose=0, callbacks=[callback])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monitor": "x", "mode": "auto"}, "received 'auto'"),
        ({"monitor": "x", "patience": 0}, "patience expected 1 or more"),
        ({"monitor": "x", "every": 0}, "every expected 1 or more"),
        ({"patience": 1}, "expected monitor"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ConfigError, match=message):
        Validation(dict, **options)

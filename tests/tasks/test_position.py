from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.models import Model
from shortlist.tasks import PositionBias, Ranking

pytestmark = pytest.mark.backend

LOGITS = np.array([0.5, -1.0, 2.0], "float32")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_additive_and_product_combine_as_they_say():
    weights = np.array([1.0, -2.0], "float32")
    positions = np.array([1, 2, 7], "int32")
    tower = weights[[0, 1, 1]]
    for mode, expected in (
        ("additive", sigmoid(LOGITS + tower)),
        ("product", sigmoid(LOGITS) * sigmoid(tower)),
    ):
        layer = PositionBias(2, mode=mode)
        layer.set_weights([weights])
        got = sigmoid(ops.convert_to_numpy(layer(LOGITS, positions)))
        np.testing.assert_allclose(got, expected, rtol=1e-5)
        np.testing.assert_array_equal(ops.convert_to_numpy(layer(LOGITS)), LOGITS)
        unknown = ops.convert_to_numpy(layer(LOGITS, np.zeros(3, "int32")))
        np.testing.assert_allclose(unknown, LOGITS, rtol=1e-5)


def test_positions_are_hidden_in_training_alone():
    layer = PositionBias(1, unknown_rate=0.5)
    layer.set_weights([np.array([1.0], "float32")])
    ones = np.ones(1000, "int32")
    zero = np.zeros(1000, "float32")
    assert (ops.convert_to_numpy(layer(zero, ones)) == 1).all()
    hidden = ops.convert_to_numpy(layer(zero, ones, training=True))
    assert set(hidden) == {0.0, 1.0}
    assert np.mean(hidden) == pytest.approx(0.5, abs=0.06)


def test_the_context_joins_the_tower_and_all_is_rebuilt():
    layer = PositionBias(2, context_units=(4,), unknown_rate=0.0)
    context = np.ones((3, 5), "float32")
    got = layer(LOGITS, np.array([1, 2, 1]), context)
    assert tuple(got.shape) == (3,)
    assert len(layer.trainable_weights) == 5
    again = PositionBias.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


class Clicks(Model):
    def __init__(self):
        super().__init__()
        self.items = keras.layers.Embedding(2, 1, embeddings_initializer="zeros")
        self.bias = PositionBias(2, unknown_rate=0.0)
        self.task = Ranking("sigmoid_cross_entropy")

    def compute_loss(self, features, training=False):
        logits = self.items(features["item"])[:, 0]
        return self.task(features["click"], self.bias(logits, features["position"]))


def test_what_is_owed_to_the_position_is_not_the_items():
    # The better item is shown in the worse place more often, and is clicked less for all that.
    rng = np.random.default_rng(0)
    item = rng.integers(0, 2, 20_000).astype("int32")
    position = np.where(rng.random(20_000) < 0.8, 1 + item, 2 - item).astype("int32")
    truth = np.array([-1.0, 0.0])[item] + np.array([1.0, -1.0])[position - 1]
    click = (rng.random(20_000) < sigmoid(truth)).astype("float32")
    assert click[item == 1].mean() < click[item == 0].mean()
    model = Clicks()
    model.compile(keras.optimizers.Adam(0.1))
    data = {"item": item, "position": position, "click": click}
    model.fit(data, batch_size=4000, epochs=20, verbose=0)
    learned = ops.convert_to_numpy(model.items.embeddings)[:, 0]
    assert learned[1] - learned[0] == pytest.approx(1.0, abs=0.25)


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match="Did you mean 'product'"):
        PositionBias(2, mode="produkt")
    with pytest.raises(ConfigError, match="1 position or more"):
        PositionBias(0)
    with pytest.raises(ConfigError, match="unknown_rate"):
        PositionBias(2, unknown_rate=1.0)

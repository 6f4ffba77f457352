import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import MultiLayerDCN

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(6)


@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_the_formula(use_bias):
    x0 = RNG.normal(size=(5, 4)).astype("float32")
    layer = MultiLayerDCN(2, 3, use_bias)
    layer.build((None, 4))
    weights = [RNG.normal(size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    size = 3 if use_bias else 2
    x = x0
    for at in range(0, len(weights), size):
        down, up, *bias = weights[at : at + size]
        x = x0 * (x @ down @ up + sum(bias)) + x
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x0)), x, rtol=1e-4, atol=1e-4)


def test_each_layer_starts_from_numbers_of_its_own():
    initializer = keras.initializers.RandomNormal()
    layer = MultiLayerDCN(kernel_initializer=initializer)
    layer.build((None, 4))
    first, *others = (ops.convert_to_numpy(w) for w in layer.weights if w.shape == (4, 1))
    assert all(np.abs(first - other).max() > 0 for other in others)


def test_config_round_trip():
    layer = MultiLayerDCN(2, 4, False, "ones", kernel_regularizer="l2", name="dcn")
    assert MultiLayerDCN.from_config(layer.get_config()).get_config() == layer.get_config()


def test_what_is_refused():
    with pytest.raises(ConfigError, match="num_layers"):
        MultiLayerDCN(num_layers=0)
    with pytest.raises(ConfigError, match="projection_dim"):
        MultiLayerDCN(0)

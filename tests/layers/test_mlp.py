import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import MLP

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(4)


def test_equals_the_formula():
    x = RNG.normal(size=(5, 3)).astype("float32")
    layer = MLP([4, 2], final_activation="sigmoid")
    layer.build((None, 3))
    weights = [RNG.normal(size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    w1, b1, w2, b2 = weights
    expected = 1 / (1 + np.exp(-(np.maximum(x @ w1 + b1, 0) @ w2 + b2)))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, rtol=1e-5, atol=1e-6)


def test_it_takes_more_axes_and_symbols():
    assert MLP([4, 2])(np.ones((2, 3, 5), "float32")).shape == (2, 3, 2)
    assert MLP([4, 2])(keras.Input((7,))).shape == (None, 2)


def test_config_round_trip_and_saving(tmp_path):
    layer = MLP([4, 2], use_bias=False, activation="tanh", final_activation="relu", name="mlp")
    assert MLP.from_config(layer.get_config()).get_config() == layer.get_config()
    model = keras.Sequential([keras.Input((3,)), layer])
    model.save(tmp_path / "model.keras")
    x = RNG.normal(size=(5, 3)).astype("float32")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(*(ops.convert_to_numpy(m(x)) for m in (model, again)), rtol=1e-6)


@pytest.mark.parametrize("units", [[], [4, 0], ["a"]])
def test_what_is_refused(units):
    with pytest.raises(ConfigError, match="positive integers"):
        MLP(units)


def test_normalization_comes_before_the_activation():
    x = RNG.normal(size=(5, 3)).astype("float32")
    layer = MLP([4, 2], normalization="layer")
    layer.build((None, 3))
    (w1, b1), (w2, b2) = (dense.get_weights() for dense in layer.dense_layers)
    inner = x @ w1 + b1
    deviation = np.sqrt(inner.var(axis=1, keepdims=True) + layer.norms[0].epsilon)
    normal = (inner - inner.mean(axis=1, keepdims=True)) / deviation
    expected = np.maximum(normal, 0) @ w2 + b2
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalization", ["layer", "batch"])
def test_it_is_a_good_layer_with_all_options(conforms, normalization):
    layer = MLP([4, 3, 2], dropout=0.5, normalization=normalization)
    x = RNG.normal(size=(50, 3)).astype("float32")
    conforms(layer, x)
    wild, calm = (ops.convert_to_numpy(layer(x, training=t)) for t in (True, False))
    assert not np.allclose(wild, calm)


def test_an_unknown_normalization():
    with pytest.raises(ConfigError, match=r"received 'bach'\. Did you mean 'batch'"):
        MLP([4], normalization="bach")

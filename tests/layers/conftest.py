import keras
import numpy as np
import pytest
from keras import ops


def arrays(outputs):
    return [ops.convert_to_numpy(output) for output in keras.tree.flatten(outputs)]


@pytest.fixture
def conforms(tmp_path):
    """Checks what every layer has to do: configs, files, half precision, symbols, batch order."""

    def check(layer, *inputs):
        outputs = arrays(layer(*inputs))
        kind, config = type(layer), layer.get_config()
        assert kind.from_config(config).get_config() == config
        symbols = [keras.Input(x.shape[1:], dtype=str(x.dtype)) for x in inputs]
        symbolic = layer(*symbols)
        for found, expected in zip(keras.tree.flatten(symbolic), outputs, strict=True):
            assert found.shape[1:] == expected.shape[1:]
        model = keras.Model(symbols, symbolic)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        for found, expected in zip(arrays(again(list(inputs))), outputs, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        order = np.arange(len(inputs[0]))[::-1]
        reordered = arrays(layer(*(x[order] for x in inputs)))
        for found, expected in zip(reordered, outputs, strict=True):
            np.testing.assert_allclose(found, expected[order], rtol=1e-5, atol=1e-6)
        half = kind.from_config({**config, "dtype": "mixed_float16"})
        half(*inputs)
        half.set_weights(layer.get_weights())
        for found, expected in zip(arrays(half(*inputs)), outputs, strict=True):
            assert found.dtype == np.float16
            np.testing.assert_allclose(found, expected, rtol=2e-2, atol=2e-2)

    return check


@pytest.fixture
def randomized():
    """Builds a layer on inputs and gives its weights random values; returns them in float64."""

    def randomize(layer, *inputs, seed=0):
        layer(*inputs)
        rng = np.random.default_rng(seed)
        values = [0.5 * rng.normal(size=w.shape) for w in layer.weights]
        layer.set_weights(values)
        return values

    return randomize

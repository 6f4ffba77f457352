import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError, DataError
from shortlist.layers import Cross

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("projection_dim", [None, 2])
@pytest.mark.parametrize("diag_scale", [0.0, 0.5])
@pytest.mark.parametrize("preactivation", [None, "tanh"])
def test_equals_the_formula(projection_dim, diag_scale, preactivation):
    x0, x = RNG.normal(size=(2, 4, 3))
    layer = Cross(projection_dim, diag_scale, preactivation=preactivation)
    result = ops.convert_to_numpy(layer(x0.astype("float32"), x.astype("float32")))
    layer.bias.assign(RNG.normal(size=3))
    result = ops.convert_to_numpy(layer(x0.astype("float32"), x.astype("float32")))
    *kernels, bias = (ops.convert_to_numpy(w).astype("float64") for w in layer.weights)
    matrix = np.linalg.multi_dot([*kernels, np.eye(3)])
    inner = x @ matrix + bias
    expected = x0 * ((np.tanh(inner) if preactivation else inner) + diag_scale * x) + x
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_two_layers_hold_crosses_of_the_third_degree():
    # With W = I and no bias: x1 = x^2 + x and x2 = x * x1 + x1 = x^3 + 2 x^2 + x.
    x = np.array([[2.0, -3.0]], "float32")
    first, second = Cross(kernel_initializer="identity"), Cross(kernel_initializer="identity")
    result = ops.convert_to_numpy(second(x, first(x)))
    np.testing.assert_allclose(result, x**3 + 2 * x**2 + x, rtol=1e-6)


def test_config_round_trip():
    layer = Cross(4, 0.1, False, "relu", kernel_regularizer="l2")
    again = Cross.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_what_is_refused():
    with pytest.raises(ConfigError, match="diag_scale"):
        Cross(diag_scale=-1.0)
    with pytest.raises(ConfigError, match="projection_dim"):
        Cross(0)
    layer = Cross()
    with pytest.raises(DataError, match="3 and 2"):
        layer(np.ones((1, 3), "float32"), np.ones((1, 2), "float32"))

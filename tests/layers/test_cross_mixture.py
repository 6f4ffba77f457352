import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import Cross, CrossMixture

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(3)
X0, X = RNG.normal(size=(2, 4, 3)).astype("float32")


def test_equals_the_formula(randomized):
    layer = CrossMixture(experts=2, projection_dim=5)
    down, core, up, gate, bias = randomized(layer, X0, X)
    expected = X.astype("float64")
    for row in range(4):
        scores = np.exp(X[row] @ gate)
        for i, weight in enumerate(scores / scores.sum()):
            inner = np.tanh(np.tanh(X[row] @ down[i]) @ core[i])
            expected[row] += weight * X0[row] * (inner @ up[i] + bias)
    found = ops.convert_to_numpy(layer(X0, X))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_one_linear_expert_is_a_low_rank_cross(randomized):
    mixture, cross = CrossMixture(1, 2, activation="linear"), Cross(2)
    down, core, up, _, bias = randomized(mixture, X0, X)
    cross(X0, X)
    cross.set_weights([down[0] @ core[0], up[0], bias])
    found, expected = (ops.convert_to_numpy(layer(X0, X)) for layer in (mixture, cross))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_every_expert_starts_on_its_own():
    layer = CrossMixture(experts=3, projection_dim=4)
    layer(X0)
    first, second, _ = ops.convert_to_numpy(layer.kernels[0])
    assert not np.allclose(first, second)
    # As wide as a matrix of its own shape starts: Glorot's bound of (3, 4), not of (3, 3, 4).
    assert np.abs(first).max() > 0.5 * np.sqrt(6 / 7)


def test_it_is_a_good_layer(conforms):
    conforms(CrossMixture(experts=2, projection_dim=5), X0)
    conforms(CrossMixture(experts=2, projection_dim=5), X0, X)


def test_what_is_refused():
    with pytest.raises(ConfigError, match="received 0 and 32"):
        CrossMixture(experts=0)

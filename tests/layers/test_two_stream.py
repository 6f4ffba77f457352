import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import FeatureGate, TwoStreamMLP

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(2)
X = RNG.normal(size=(4, 6)).astype("float32")
CONTEXT = RNG.normal(size=(4, 3)).astype("float32")


def test_a_gate_equals_the_formula(randomized):
    layer = FeatureGate([5])
    w1, b1, w2, b2 = randomized(layer, X, CONTEXT)
    logits = np.maximum(CONTEXT @ w1 + b1, 0) @ w2 + b2
    found = ops.convert_to_numpy(layer(X, CONTEXT))
    np.testing.assert_allclose(found, 2 / (1 + np.exp(-logits)) * X, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("heads", [1, 2])
def test_two_streams_equal_the_formula(randomized, heads):
    layer = TwoStreamMLP([4], [6], gate_units=None, heads=heads)
    randomized(layer, X)
    (w1, b1), (w2, b2) = (stream.get_weights() for stream in layer.streams)
    (v1, b), (v2,) = (linear.get_weights() for linear in layer.linear)
    bilinear = ops.convert_to_numpy(layer.bilinear)
    u, v = np.maximum(X @ w1 + b1, 0), np.maximum(X @ w2 + b2, 0)
    expected = b + u @ v1 + v @ v2
    for row in range(4):
        for k in range(heads):
            first = u[row].reshape(heads, -1)[k]
            second = v[row].reshape(heads, -1)[k]
            expected[row] += first @ bilinear[k] @ second
    found = ops.convert_to_numpy(layer(X))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_they_are_good_layers(conforms):
    conforms(FeatureGate([5]), X)
    conforms(FeatureGate([5]), X, CONTEXT)
    conforms(TwoStreamMLP([4], [6], heads=2, dropout=0.5), X)
    conforms(TwoStreamMLP([4], [6], gate_units=[3]), X, CONTEXT, CONTEXT)


def test_what_is_refused():
    with pytest.raises(ConfigError, match="multiples of heads; received 4, 6 and heads=3"):
        TwoStreamMLP([4], [6], heads=3)

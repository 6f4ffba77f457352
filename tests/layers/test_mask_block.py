import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import MaskBlock

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(2)
GUIDE = RNG.normal(size=(4, 6)).astype("float32")
HIDDEN = RNG.normal(size=(4, 3)).astype("float32")


@pytest.mark.parametrize("inputs", [(GUIDE,), (GUIDE, HIDDEN)])
def test_equals_the_formula(randomized, inputs):
    layer = MaskBlock(5, reduction=1.5)
    randomized(layer, *inputs)
    dense = (layer.aggregation, layer.projection, layer.output_dense, layer.normalization)
    (w1, b1), (w2, b2), (w3,), (gamma, beta) = (
        [w.astype("float64") for w in part.get_weights()] for part in dense
    )
    guide, hidden = inputs[0].astype("float64"), inputs[-1].astype("float64")
    mask = np.maximum(guide @ w1 + b1, 0) @ w2 + b2
    x = (mask * hidden) @ w3
    variance = x.var(axis=1, keepdims=True)
    normal = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(variance + layer.normalization.epsilon)
    expected = np.maximum(normal * gamma + beta, 0)
    found = ops.convert_to_numpy(layer(*inputs))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert w1.shape[1] == int(inputs[-1].shape[1] * 1.5)


def test_dropout_is_for_training():
    layer = MaskBlock(50, dropout=0.5)
    calm, wild = layer(GUIDE), layer(GUIDE, training=True)
    assert (ops.convert_to_numpy(wild) == 0).sum() > (ops.convert_to_numpy(calm) == 0).sum()


def test_it_is_a_good_layer(conforms):
    conforms(MaskBlock(5), GUIDE)
    conforms(MaskBlock(5), GUIDE, HIDDEN)


def test_what_is_refused():
    with pytest.raises(ConfigError, match="units=0"):
        MaskBlock(0)

import numpy as np
import pytest
from keras import ops

from shortlist.layers import TargetAttention

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(2)
TARGET = RNG.normal(size=(3, 2)).astype("float32")
HISTORY = RNG.normal(size=(3, 4, 2)).astype("float32")
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)


@pytest.mark.parametrize("normalize", [False, True])
def test_equals_the_formula(randomized, normalize):
    layer = TargetAttention([5], activation="tanh", normalize=normalize)
    w1, b1, w2, b2 = randomized(layer, TARGET, HISTORY, MASK)
    expected = np.zeros((3, 2))
    for b in range(3):
        events = HISTORY[b, MASK[b]].astype("float64")
        scores = []
        for h in events:
            t = TARGET[b].astype("float64")
            seen = np.concatenate([h, t, h - t, h * t])
            scores.append((np.tanh(seen @ w1 + b1) @ w2 + b2)[0])
        weights = np.array(scores)
        if normalize and len(weights):
            weights = np.exp(weights) / np.exp(weights).sum()
        expected[b] = (weights[:, None] * events).sum(axis=0)
    found = ops.convert_to_numpy(layer(TARGET, HISTORY, MASK))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_is_padding_does_not_matter():
    layer = TargetAttention()
    other = np.where(MASK[:, :, None], HISTORY, 7.0).astype("float32")
    found, expected = (ops.convert_to_numpy(layer(TARGET, h, MASK)) for h in (HISTORY, other))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_it_is_a_good_layer(conforms):
    conforms(TargetAttention([5]), TARGET, HISTORY, MASK)
    conforms(TargetAttention([5], normalize=True), TARGET, HISTORY, MASK)

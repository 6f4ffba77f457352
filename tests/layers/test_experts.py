import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import PLE, MMoE, SharedBottom

pytestmark = pytest.mark.backend

X = np.random.default_rng(3).normal(size=(4, 3)).astype("float32")


def relu(x, layer):
    kernel, bias = (w.astype("float64") for w in layer.get_weights())
    return np.maximum(x @ kernel + bias, 0)


def mixed(x, gate, outputs):
    scores = np.exp(x @ gate.get_weights()[0].astype("float64"))
    weights = scores / scores.sum(axis=1, keepdims=True)
    return sum(weights[:, [i]] * output for i, output in enumerate(outputs))


def close(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), other, rtol=1e-4, atol=1e-5)


def test_shared_bottom_is_one_network(randomized):
    layer = SharedBottom(2, [5])
    randomized(layer, X)
    close(layer(X), [relu(X, layer.network)] * 2)


def test_mmoe_equals_the_formula(randomized):
    layer = MMoE(tasks=2, experts=3, units=[5])
    randomized(layer, X)
    outputs = [relu(X, expert) for expert in layer.experts]
    close(layer(X), [mixed(X, gate, outputs) for gate in layer.gates])


def test_ple_equals_the_formula(randomized):
    layer = PLE(tasks=2, shared_experts=1, task_experts=2, units=[5], levels=2)
    randomized(layer, X)
    paths = [X.astype("float64")] * 3
    for experts, gates in zip(layer.experts, layer.gates, strict=True):
        first, second, shared = (
            [relu(path, expert) for expert in own] for path, own in zip(paths, experts, strict=True)
        )
        seen = [[*first, *shared], [*second, *shared], [*first, *second, *shared]]
        paths = [
            mixed(path, gate, outputs)
            for path, gate, outputs in zip(paths, gates, seen, strict=False)
        ]
    close(layer(X), paths)
    assert [len(gates) for gates in layer.gates] == [3, 2]


def test_they_are_good_layers(conforms):
    conforms(SharedBottom(2, [5, 4]), X)
    conforms(MMoE(2, 3, [5, 4], dropout=0.5), X)
    conforms(PLE(2, units=[5], levels=2), X)
    conforms(PLE(3, units=[5], levels=1), X)


@pytest.mark.parametrize("make", [lambda: MMoE(0), lambda: MMoE(2, 0), lambda: PLE(2, levels=0)])
def test_what_is_refused(make):
    with pytest.raises(ConfigError, match="at least 1; received 0"):
        make()

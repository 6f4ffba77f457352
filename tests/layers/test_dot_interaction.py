import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import DataError
from shortlist.layers import DotInteraction

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(5)
VECTORS = RNG.normal(size=(4, 3, 6)).astype("float32")


def naive(self_interaction, skip_gather):
    rows = []
    for example in VECTORS.astype("float64"):
        row = []
        for i, a in enumerate(example):
            for j, b in enumerate(example):
                kept = j < i or (self_interaction and i == j)
                if kept or skip_gather:
                    row.append(a @ b if kept else 0.0)
        rows.append(row)
    return rows


@pytest.mark.parametrize("self_interaction", [False, True])
@pytest.mark.parametrize("skip_gather", [False, True])
@pytest.mark.parametrize("stacked", [False, True])
def test_equals_a_loop_over_pairs(self_interaction, skip_gather, stacked):
    layer = DotInteraction(self_interaction, skip_gather)
    inputs = VECTORS if stacked else [VECTORS[:, i] for i in range(3)]
    expected = naive(self_interaction, skip_gather)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(inputs)), expected, rtol=1e-5, atol=1e-5)
    symbol = keras.Input((3, 6)) if stacked else [keras.Input((6,)) for _ in range(3)]
    assert layer(symbol).shape == (None, len(expected[0]))


def test_a_batch_of_one():
    assert DotInteraction()([VECTORS[:1, i] for i in range(3)]).shape == (1, 3)


def test_config_round_trip():
    layer = DotInteraction(True, True, "pairs")
    assert DotInteraction.from_config(layer.get_config()).get_config() == layer.get_config()


def test_what_is_refused():
    with pytest.raises(DataError, match="dimensions must be equal"):
        DotInteraction()([np.ones((2, 3), "float32"), np.ones((2, 4), "float32")])
    with pytest.raises(DataError, match="one of shape"):
        DotInteraction()(np.ones((2, 3), "float32"))

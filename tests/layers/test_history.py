import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from shortlist.layers import HistoryPooling

pytestmark = pytest.mark.backend


def naive(embeddings, lengths, log_weights, alpha):
    pooled = np.zeros((len(embeddings), embeddings.shape[2]))
    for row, length in enumerate(lengths):
        weights = []
        for place in range(length):
            back = length - 1 - place
            weights.append(np.exp(log_weights[int(np.floor(np.log2(back + 1)))]))
            pooled[row] += weights[-1] * embeddings[row, place]
        if weights:
            pooled[row] /= np.sum(weights) ** alpha
    return pooled


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 37), min_size=3, max_size=3),
    st.floats(0, 1),
    st.integers(0, 2**31),
)
def test_equals_the_naive_sum(lengths, alpha, seed):
    rng = np.random.default_rng(seed)
    layer = HistoryPooling(37, alpha=alpha)
    layer.build(())
    log_weights = rng.normal(size=layer.log_weights.shape)
    layer.log_weights.assign(log_weights)
    embeddings = rng.normal(size=(len(lengths), 37, 3))
    mask = np.arange(37) < np.array(lengths)[:, None]
    pooled = ops.convert_to_numpy(layer(embeddings.astype("float32"), mask=mask))
    expected = naive(embeddings, lengths, log_weights, alpha)
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-5)


def test_every_length_has_a_weight_for_each_power_of_two():
    for length in (1, 2, 3, 4, 7, 8, 50, 64):
        layer = HistoryPooling(length)
        layer.build(())
        furthest = int(np.floor(np.log2(length)))
        assert layer.log_weights.shape == (furthest + 1,)


def test_an_empty_history_is_zeros():
    layer = HistoryPooling(4)
    pooled = layer(np.ones((2, 4, 3), "float32"), mask=np.zeros((2, 4), bool))
    assert not ops.convert_to_numpy(pooled).any()


def test_what_padding_holds_does_not_matter():
    layer = HistoryPooling(4)
    embeddings = np.random.default_rng(0).normal(size=(1, 4, 2)).astype("float32")
    mask = np.array([[True, True, False, False]])
    before = ops.convert_to_numpy(layer(embeddings, mask=mask))
    embeddings[:, 2:] = 7.0
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(embeddings, mask=mask)), before)


def test_without_recency_it_has_no_weights():
    layer = HistoryPooling(4, recency=False, alpha=1.0)
    embeddings = np.array([[[1.0], [2.0], [6.0], [0.0]]], "float32")
    pooled = layer(embeddings, mask=np.array([[True, True, True, False]]))
    assert ops.convert_to_numpy(pooled) == pytest.approx(3.0)
    assert layer.weights == []


def test_config_round_trip():
    layer = HistoryPooling(9, alpha=0.25, recency=False)
    again = HistoryPooling.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_alpha_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"alpha expected a number from 0 to 1; received 2"):
        HistoryPooling(4, alpha=2)


def test_gradients_reach_the_weights():
    layer = HistoryPooling(4)
    model = keras.Sequential([keras.Input((4, 2)), _Masked(layer)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 4, 2)).astype("float32")
    model.fit(x, np.ones((8, 2), "float32"), verbose=0)
    assert ops.convert_to_numpy(layer.log_weights).any()


class _Masked(keras.layers.Layer):
    def __init__(self, pooling):
        super().__init__()
        self.pooling = pooling

    def call(self, x):
        return self.pooling(x, mask=ops.ones_like(x[:, :, 0], dtype="bool"))

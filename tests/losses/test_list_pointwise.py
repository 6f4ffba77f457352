"""The losses of single items, and what turns a score into logits of grades."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from shortlist.errors import ConfigError, DataError
from shortlist.losses import (
    CumulativeLogits,
    mean_squared_loss,
    ordinal_loss,
    sigmoid_cross_entropy_loss,
)

pytestmark = pytest.mark.backend


def bce(y, z):
    return y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)


def naive(loss, labels, scores, weight):
    total = weights = 0.0
    for y, z, w in zip(
        labels.ravel(), scores.reshape(labels.size, -1), weight.ravel(), strict=True
    ):
        if y < 0:
            continue
        if loss is sigmoid_cross_entropy_loss:
            value = bce(y, z[0])
        elif loss is mean_squared_loss:
            value = (y - z[0]) ** 2
        else:
            value = sum(bce(float(y >= k), z[k - 1]) for k in range(1, len(z) + 1))
        total, weights = total + w * value, weights + w
    return total / weights if weights > 0 else 0.0


def example(loss, seed):
    rng = np.random.default_rng(seed)
    highest = 1 if loss is sigmoid_cross_entropy_loss else 4
    labels = rng.integers(-1, highest + 1, (3, 4)).astype("float32")
    scores = rng.normal(size=(3, 4, 4) if loss is ordinal_loss else (3, 4))
    return labels, scores, rng.integers(0, 3, (3, 4)).astype("float32")


every_loss = pytest.mark.parametrize(
    "loss", [sigmoid_cross_entropy_loss, mean_squared_loss, ordinal_loss]
)


@every_loss
@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_equals_the_formula(loss, stepping, seed):
    labels, scores, weight = example(loss, seed)
    got, _ = stepping(loss)(labels, scores.astype("float32"), weight)
    assert got == pytest.approx(naive(loss, labels, scores, weight), rel=1e-4, abs=1e-6)


@every_loss
def test_equals_the_formula_and_its_finite_differences_in_float64(loss, stepping, differences):
    labels, scores, weight = example(loss, 7)
    value, grad = stepping(loss)(labels, scores, weight)
    assert value == pytest.approx(naive(loss, labels, scores, weight), rel=1e-10)
    [expected] = differences(lambda z: naive(loss, labels, z, weight), scores)
    np.testing.assert_allclose(grad, expected, rtol=1e-5, atol=1e-8)


@every_loss
def test_masked_places_and_batches_without_any_other(loss, stepping):
    labels, scores, weight = example(loss, 3)
    step, scores = stepping(loss), scores.astype("float32")
    expected = step(labels, scores, weight)
    for value in (np.inf, np.nan, -1e30):
        scores[labels < 0] = value
        got = step(labels, scores, weight)
        assert got[0] == expected[0]
        np.testing.assert_array_equal(got[1], expected[1])
    scores[:] = 1e4
    assert np.isfinite(step(labels, scores, weight)[0])
    value, grad = step(-np.ones_like(labels), scores, weight)
    assert value == 0.0
    assert (grad == 0).all()


@every_loss
def test_without_weights_with_weights_of_lists_and_of_single_items(loss):
    labels, scores, weight = example(loss, 5)
    scores = scores.astype("float32")
    got = float(loss(labels, scores))
    assert got == pytest.approx(naive(loss, labels, scores, np.ones_like(labels)), rel=1e-4)
    lists = weight[:, :1] * np.ones_like(labels)
    got = float(loss(labels, scores, sample_weight=lists[:, 0]))
    assert got == pytest.approx(naive(loss, labels, scores, lists), rel=1e-4)
    flat = float(loss(labels[0], scores[0], sample_weight=weight[0]))
    assert flat == pytest.approx(naive(loss, labels[:1], scores[:1], weight[:1]), rel=1e-4)


def test_labels_outside_the_domain_are_refused():
    ones = np.ones((1, 2), "float32")
    with pytest.raises(DataError, match=r"labels from 0 to 1 .* received 2"):
        sigmoid_cross_entropy_loss(2 * ones, ones)
    with pytest.raises(DataError, match=r"labels from 0 to 3 .* received 4"):
        ordinal_loss(4 * ones, np.zeros((1, 2, 3), "float32"))
    with pytest.raises(DataError, match="fractions"):
        ordinal_loss(0.5 * ones, np.zeros((1, 2, 3), "float32"))
    with pytest.raises(DataError, match="finite numbers"):
        mean_squared_loss(ones * np.nan, ones)
    with pytest.raises(DataError, match=r"\(1, 2\) and \(2,\)"):
        mean_squared_loss(ones, ones[0])
    with pytest.raises(DataError, match=r"\[B, K - 1\]"):
        ordinal_loss(ones[0], ones[0])


def test_cumulative_logits_stay_in_order_and_give_back_the_grade():
    layer = CumulativeLogits(5)
    logits = ops.convert_to_numpy(layer(np.array([-9.0, 0.0, 9.0], "float32")))
    assert logits.shape == (3, 4)
    assert (np.diff(logits, axis=1) < 0).all()
    expected = (1 / (1 + np.exp(-logits))).sum(axis=1)
    assert expected == pytest.approx([0.0, 2.0, 4.0], abs=0.01)
    layer.set_weights([np.array([1.0], "float32"), np.array([-9.0, 0.0, 9.0], "float32")])
    assert (np.diff(ops.convert_to_numpy(layer.thresholds)) > 0).all()
    again = CumulativeLogits.from_config(layer.get_config())
    assert again.grades == 5
    assert CumulativeLogits(2)(np.zeros(3, "float32")).shape == (3, 1)
    with pytest.raises(ConfigError, match="2 grades or more"):
        CumulativeLogits(1)


def test_thresholds_are_learned():
    # One score for all: the thresholds become the log odds of the shares.
    labels = np.repeat([0.0, 1.0, 2.0], [20, 30, 50]).astype("float32")
    layer = CumulativeLogits(3)
    model = keras.Sequential([keras.Input(()), layer])
    model.compile(keras.optimizers.Adam(0.1), loss=lambda y, z: ordinal_loss(y[:, 0], z))
    model.fit(np.zeros(100, "float32"), labels[:, None], batch_size=100, epochs=150, verbose=0)
    learned = ops.convert_to_numpy(layer.thresholds)
    np.testing.assert_allclose(learned, [np.log(0.2 / 0.8), 0.0], atol=0.02)

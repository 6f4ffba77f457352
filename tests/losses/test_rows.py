"""The losses on rows of one positive and its negatives, against the formulas in float64."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses import (
    EXCLUDED,
    binary_cross_entropy,
    bpr,
    cosine_contrastive,
    hinge,
    warp,
)
from shortlist.losses.pairwise import _harmonic
from shortlist.tasks import Retrieval

pytestmark = pytest.mark.backend


def log1pexp(x):
    return np.logaddexp(0, x)


def naive_bpr(own, others):
    return np.mean(log1pexp(others - own)) if len(others) else 0.0


def naive_hinge(own, others, margin=1.0):
    return np.mean(np.maximum(0, margin - own + others)) if len(others) else 0.0


def naive_warp(own, others, catalogue, margin=1.0):
    for trials, other in enumerate(others, 1):
        if margin - own + other > 0:
            rank = (catalogue - 1) // trials
            return sum(1 / i for i in range(1, rank + 1)) * (margin - own + other)
    return 0.0


def naive_bce(own, others, catalogue=None, calibration=0.75):
    beta = 1.0
    if catalogue is not None and len(others):
        rate = len(others) / (catalogue - 1)
        beta = rate * (calibration * (1 - 1 / rate) + 1 / rate)
    elif catalogue is not None:
        beta = 1 - calibration
    return (beta * log1pexp(-own) + log1pexp(others).sum()) / (len(others) + 1)


def naive_cosine(own, others, margin=0.8, negative_weight=1.0):
    pushed = np.mean(np.maximum(0, others - margin)) if len(others) else 0.0
    return 1 - own + negative_weight * pushed


LOSSES = [
    (bpr, naive_bpr),
    (hinge, naive_hinge),
    (functools.partial(hinge, margin=0.3), functools.partial(naive_hinge, margin=0.3)),
    (functools.partial(warp, catalogue=50), functools.partial(naive_warp, catalogue=50)),
    (functools.partial(warp, catalogue=3), functools.partial(naive_warp, catalogue=3)),
    (binary_cross_entropy, naive_bce),
    (
        functools.partial(binary_cross_entropy, catalogue=30),
        functools.partial(naive_bce, catalogue=30),
    ),
    (cosine_contrastive, naive_cosine),
    (
        functools.partial(cosine_contrastive, margin=-0.2, negative_weight=3.0),
        functools.partial(naive_cosine, margin=-0.2, negative_weight=3.0),
    ),
]


def naive(loss, labels, logits, weight):
    losses = [
        loss(z[y > 0][0], z[(y == 0) & (z > EXCLUDED / 2)])
        for y, z in zip(labels, np.asarray(logits, np.float64), strict=True)
    ]
    return float(np.average(losses, weights=weight)) if weight.sum() > 0 else 0.0


@pytest.mark.parametrize(("ours", "reference"), LOSSES)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_equals_the_formula_and_its_finite_differences(
    ours, reference, gradients, differences, seed
):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(4, 5)).astype("float32")
    labels = np.where(rng.random((4, 5)) < 0.3, -1.0, 0.0).astype("float32")
    labels[np.arange(4), rng.integers(0, 5, 4)] = 1.0
    labels[3, labels[3] < 1] = -1.0
    weight = rng.integers(0, 3, 4).astype("float32")
    got = float(ours(labels, logits, sample_weight=weight))
    assert got == pytest.approx(naive(reference, labels, logits, weight), rel=1e-4, abs=1e-6)
    [grad] = gradients(lambda z: ours(labels, z, sample_weight=weight), logits)
    [expected] = differences(lambda z: naive(reference, labels, z, weight), logits)
    np.testing.assert_allclose(grad, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("loss", "_reference"), LOSSES)
def test_masked_equals_shortened(loss, _reference, gradients):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 4)).astype("float32")
    labels = np.array([[1, 0, 0, -1], [0, 1, 0, -1]], dtype="float32")
    short = float(loss(labels[:, :3], logits[:, :3]))
    for value in (1e30, -1e30, EXCLUDED):
        logits[:, 3] = value
        assert float(loss(labels, logits)) == pytest.approx(short, rel=1e-5)
        [grad] = gradients(lambda z: loss(labels, z), logits)
        assert np.isfinite(grad).all()
        assert (grad[:, 3] == 0).all()
    logits[:, 3] = EXCLUDED
    assert float(loss(np.maximum(labels, 0), logits)) == pytest.approx(short, rel=1e-5)


@pytest.mark.parametrize(("loss", "_reference"), LOSSES)
def test_zero_weights_and_a_batch_of_one_are_finite(loss, _reference, gradients):
    labels, logits = np.eye(3, dtype="float32"), np.zeros((3, 3), dtype="float32")
    nothing = np.zeros(3, dtype="float32")
    assert float(loss(labels, logits, sample_weight=nothing)) == 0.0
    [grad] = gradients(lambda z: loss(labels, z, sample_weight=nothing), logits)
    assert (grad == 0).all()
    assert np.isfinite(float(loss(labels[:1, :1], logits[:1, :1])))


@pytest.mark.parametrize(("loss", "reference"), LOSSES)
def test_it_is_a_loss_for_the_retrieval_task(loss, reference):
    rng = np.random.default_rng(1)
    queries, candidates = (rng.normal(size=(5, 3)).astype("float32") for _ in range(2))
    got = float(Retrieval(loss=loss)(queries, candidates))
    expected = naive(reference, np.eye(5), queries @ candidates.T, np.ones(5))
    assert got == pytest.approx(expected, rel=1e-4)


def test_the_harmonic_sum_is_right_from_the_first_rank_on():
    ranks = np.array([1, 2, 3, 10, 1000], dtype="float32")
    expected = [sum(1 / i for i in range(1, int(r) + 1)) for r in ranks]
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(_harmonic(ops.convert_to_tensor(ranks))), expected, rtol=1e-5
    )


def test_half_precision_is_computed_in_float32():
    logits = ops.cast(np.array([[2.0, 1.0]]), "bfloat16")
    assert float(bpr([[1, 0]], logits)) == pytest.approx(np.log1p(np.exp(-1.0)), rel=1e-6)


def test_bad_arguments_are_refused():
    one = np.ones((1, 1), dtype="float32")
    with pytest.raises(ConfigError, match="one shape"):
        bpr(one, np.ones((1, 2), dtype="float32"))
    with pytest.raises(ConfigError, match="one shape"):
        bpr(one[0], one[0])
    with pytest.raises(ConfigError, match="catalogue of 2"):
        warp(one, one, catalogue=1)
    for options in ({"calibration": 1.5}, {"catalogue": 1}):
        with pytest.raises(ConfigError, match="calibration from 0 to 1"):
            binary_cross_entropy(one, one, **options)

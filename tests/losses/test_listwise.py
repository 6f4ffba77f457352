"""The losses of lists, against their published formulas in float64, written item by item."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.losses import (
    LIST_LOSSES,
    approx_ndcg_loss,
    gumbel_approx_ndcg_loss,
    list_mle_loss,
    pairwise_hinge_loss,
    pairwise_logistic_loss,
    softmax_loss,
)

pytestmark = pytest.mark.backend


def logsumexp(z):
    return z.max() + np.log(np.exp(z - z.max()).sum())


def naive_softmax(y, z):
    if y.sum() == 0:
        return np.zeros(len(y))
    return -y / y.sum() * (z - logsumexp(z))


def naive_list_mle(y, z):
    result, left = np.zeros(len(y)), sorted(range(len(y)), key=lambda i: (-y[i], i))
    while left:
        result[left[0]] = logsumexp(z[left]) - z[left[0]]
        left = left[1:]
    return result


def ranks(z):
    order = sorted(range(len(z)), key=lambda i: (-z[i], i))
    return {item: place + 1 for place, item in enumerate(order)}


def naive_pairwise(y, z, phi, lambda_weight=None, k=None, gain="exponential"):
    result, pairs = np.zeros(len(y)), 0
    g = 2**y - 1 if gain == "exponential" else y
    discount = lambda r: 1 / np.log2(1 + r) if k is None or r <= k else 0.0  # noqa: E731
    rank = ranks(z)
    ideal = sum(gi * discount(r) for r, gi in enumerate(sorted(g, reverse=True), 1))
    for i in range(len(y)):
        for j in range(len(y)):
            if y[i] > y[j]:
                pairs += 1
                change = abs((g[i] - g[j]) * (discount(rank[i]) - discount(rank[j])))
                result[i] += phi(z[i] - z[j]) * (change / ideal if lambda_weight else 1.0)
    return result if lambda_weight or not pairs else result / pairs


def naive_approx_ndcg(y, z, temperature=0.1, gain="exponential"):
    g = 2**y - 1 if gain == "exponential" else y
    ideal = sum(gi / np.log2(1 + r) for r, gi in enumerate(sorted(g, reverse=True), 1))
    result = np.zeros(len(y))
    for i in range(len(y)):
        rank = 1.0
        for j in range(len(y)):
            if j != i:
                rank += 1 / (1 + np.exp(-(z[j] - z[i]) / temperature))
        result[i] = -g[i] / np.log2(1 + rank) / ideal if ideal > 0 else 0.0
    return result


def logistic(d):
    return np.logaddexp(0, -d)


def hinge(d, margin=1.0):
    return np.maximum(0, margin - d)


partial = functools.partial
LOSSES = {
    "softmax": (softmax_loss, naive_softmax),
    "list_mle": (list_mle_loss, naive_list_mle),
    "logistic": (pairwise_logistic_loss, partial(naive_pairwise, phi=logistic)),
    "hinge": (
        partial(pairwise_hinge_loss, margin=0.5),
        partial(naive_pairwise, phi=partial(hinge, margin=0.5)),
    ),
    "lambda_rank": (
        partial(pairwise_logistic_loss, lambda_weight="ndcg"),
        partial(naive_pairwise, phi=logistic, lambda_weight="ndcg"),
    ),
    "lambda_hinge": (
        partial(pairwise_hinge_loss, lambda_weight="ndcg", k=2, gain="linear"),
        partial(naive_pairwise, phi=hinge, lambda_weight="ndcg", k=2, gain="linear"),
    ),
    "approx_ndcg": (approx_ndcg_loss, naive_approx_ndcg),
    "approx_linear": (
        partial(approx_ndcg_loss, temperature=0.7, gain="linear"),
        partial(naive_approx_ndcg, temperature=0.7, gain="linear"),
    ),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def naive(name, labels, scores, weight=None):
    """The definition in `shortlist.losses.lists`: contributions, weighed and averaged."""
    weight = np.ones(labels.shape) if weight is None else np.asarray(weight, np.float64)
    weight = weight[:, None] * np.ones(labels.shape) if weight.ndim == 1 else weight
    total = lists = 0.0
    for y, z, w in zip(labels, np.asarray(scores, np.float64), weight, strict=True):
        known = y >= 0
        if known.any():
            total += (w[known] * LOSSES[name][1](y[known], z[known])).sum()
            lists += w[known].mean()
    return total / lists if lists > 0 else 0.0


def example(seed):
    """Labels, scores and weights of items; the first list is masked, the second a list of one."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([-1.0, 0.0, 0.0, 1.0, 2.0, 3.0], size=(4, 5))
    labels[0] = -1.0
    labels[1, 1:] = -1.0
    weight = rng.integers(0, 3, (4, 5))
    return labels.astype("float32"), rng.normal(size=(4, 5)), weight.astype("float32")


ONES = np.ones((4, 5), "float32")


@every_loss
@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_equals_the_formula(name, stepping, seed):
    labels, scores, weight = example(seed)
    for given_weight in (ONES, weight, weight[:, :1] * ONES):
        got, _ = stepping(LOSSES[name][0])(labels, scores.astype("float32"), given_weight)
        expected = naive(name, labels, scores, given_weight)
        assert got == pytest.approx(expected, rel=2e-4, abs=1e-5)


@every_loss
def test_equals_the_formula_and_its_finite_differences_in_float64(name, stepping, differences):
    labels, scores, weight = example(7)
    value, grad = stepping(LOSSES[name][0])(labels, scores, weight)
    assert value == pytest.approx(naive(name, labels, scores, weight), rel=1e-10)
    [expected] = differences(lambda z: naive(name, labels, z, weight), scores)
    np.testing.assert_allclose(grad, expected, rtol=1e-5, atol=1e-8)


@every_loss
def test_what_stands_in_masked_places_does_not_matter(name, stepping):
    labels, scores, weight = example(3)
    step, scores = stepping(LOSSES[name][0]), scores.astype("float32")
    expected = step(labels, scores, weight)
    for value in (1e30, -1e30, np.inf, np.nan):
        scores[labels < 0] = value
        got = step(labels, scores, weight)
        assert got[0] == expected[0]
        np.testing.assert_array_equal(got[1], expected[1])
    assert (expected[1][labels < 0] == 0).all()


@every_loss
def test_a_batch_without_anything_to_learn_has_loss_0_and_no_gradient(name, stepping):
    step, (labels, scores, weight) = stepping(LOSSES[name][0]), example(4)
    scores = scores.astype("float32")
    alike = [(-ONES, ONES), (labels, 0 * ONES)]
    alike += [] if name == "list_mle" else [(0 * ONES, ONES)]
    for nothing, weights in alike:
        value, grad = step(nothing, scores, weights)
        assert value == 0.0
        assert (grad == 0).all()
    one = np.where(np.arange(5) == 2, 1.0, -1.0) * ONES
    value, grad = step(one.astype("float32"), scores, weight)
    assert value == (-1.0 if name.startswith("approx") else 0.0)
    np.testing.assert_allclose(grad, 0, atol=1e-6)


@every_loss
def test_extreme_scores_give_no_nan(name, stepping):
    labels, scores, weight = example(8)
    value, grad = stepping(LOSSES[name][0])(labels, (1e4 * scores).astype("float32"), weight)
    assert np.isfinite(value)
    assert np.isfinite(grad).all()


@every_loss
def test_the_order_of_lists_does_not_matter(name, stepping):
    labels, scores, weight = example(11)
    step, scores = stepping(LOSSES[name][0]), scores.astype("float32")
    order = [2, 0, 3, 1]
    expected = step(labels, scores, weight)[0]
    assert step(labels[order], scores[order], weight[order])[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["softmax", "logistic", "list_mle"])
def test_without_weights_and_with_weights_of_lists(name):
    labels, scores, weight = example(2)
    loss, scores = LOSSES[name][0], scores.astype("float32")
    lists = weight[:, 0]
    assert float(loss(labels, scores)) == pytest.approx(naive(name, labels, scores), rel=1e-4)
    got = float(loss(labels, scores, sample_weight=lists))
    assert got == pytest.approx(naive(name, labels, scores, lists), rel=1e-4)


def test_closed_forms(compiled):
    def value(loss, labels, scores):
        return float(compiled(loss)(np.array(labels, "float32"), np.array(scores, "float32")))

    log2, change = np.log(2), 1 - 1 / np.log2(3)
    two = {
        softmax_loss: log2,
        list_mle_loss: log2,
        pairwise_logistic_loss: log2,
        pairwise_hinge_loss: 1.0,
        LIST_LOSSES["lambda_rank"]: change * log2,
        approx_ndcg_loss: -1 / np.log2(2.5),
    }
    for loss, expected in two.items():
        assert value(loss, [[1, 0]], [[0, 0]]) == pytest.approx(expected, rel=1e-6)
    assert value(softmax_loss, np.eye(8), np.zeros((8, 8))) == pytest.approx(np.log(8), rel=1e-6)
    assert value(list_mle_loss, [[3, 2, 1, 0]], [[0] * 4]) == pytest.approx(np.log(24), rel=1e-6)


def test_lambda_weights_beyond_k_are_zero():
    labels = np.array([[2.0, 1.0, 0.0, 1.0]], "float32")
    scores = np.array([[9.0, 1.0, 3.0, 2.0]], "float32")
    # The one place that counts holds the best item, and only swaps with it change NDCG@1.
    loss = pairwise_logistic_loss(labels, scores, lambda_weight="ndcg", k=1)
    swaps = [(2 / 3, 8), (1, 6), (2 / 3, 7)]
    assert float(loss) == pytest.approx(sum(c * np.log1p(np.exp(-d)) for c, d in swaps), rel=1e-4)


def test_gumbel_noise_is_drawn_from_the_seed_and_averaged():
    labels, scores, _ = example(5)
    scores = scores.astype("float32")
    plain = naive("approx_ndcg", labels, scores)
    loss = partial(gumbel_approx_ndcg_loss, labels, scores, samples=2)
    assert float(loss(seed=1, noise=0.0)) == pytest.approx(plain, rel=1e-4)
    first, again, other = (float(loss(seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    generator = keras.random.SeedGenerator(3)
    moved = [float(loss(seed=generator)) for _ in range(2)]
    assert moved[0] != moved[1]


def test_gumbel_noise_orders_as_plackett_and_luce_do(compiled):
    # At a low temperature the loss of a pair is -P(right order) - P(wrong order) / log2(3), and
    # noisy scores are in the right order with the probability sigmoid(z_1 - z_2).
    labels = np.tile(np.array([[1.0, 0.0]], "float32"), (500, 1))
    scores = np.tile(np.array([[1.0, 0.0]], "float32"), (500, 1))
    loss = compiled(partial(gumbel_approx_ndcg_loss, seed=4, temperature=1e-3))
    right = 1 / (1 + np.exp(-1))
    assert float(loss(labels, scores)) == pytest.approx(-right - (1 - right) / np.log2(3), abs=0.01)


@pytest.mark.parametrize("name", ["softmax", "lambda_rank"])
def test_the_same_in_a_compiled_step(name, compiled):
    loss = LIST_LOSSES[name]
    labels, scores, weight = example(6)
    scores = scores.astype("float32")
    eager = float(loss(labels, scores, weight))
    assert float(compiled(loss)(labels, scores, weight)) == pytest.approx(eager, rel=1e-5)


def test_half_precision_is_computed_in_single():
    labels = np.array([[1.0, 0.0]], "float32")
    scores = keras.ops.cast(np.array([[1.0, 3.0]], "float32"), "bfloat16")
    loss = softmax_loss(labels, scores)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"


@pytest.mark.parametrize("name", sorted({"softmax", "list_mle", "logistic", "approx_ndcg"}))
def test_wrong_arguments_are_refused(name):
    loss = LOSSES[name][0]
    ones = np.ones((2, 3), "float32")
    with pytest.raises(DataError, match=r"\(2, 3\) and \(2, 4\)"):
        loss(ones, np.ones((2, 4), "float32"))
    with pytest.raises(DataError, match=r"one shape \[B, L\]"):
        loss(ones[0], ones[0])
    with pytest.raises(DataError, match="at least one place"):
        loss(ones[:, :0], ones[:, :0])
    with pytest.raises(DataError, match=r"sample_weight of shape \[B\] or \[B, L\]"):
        loss(ones, ones, sample_weight=np.ones((2, 2), "float32"))
    for wrong in (np.nan, np.inf):
        with pytest.raises(DataError, match="finite numbers"):
            loss(ones * wrong, ones)


def test_labels_and_options_outside_their_domain_are_refused():
    ones = np.ones((1, 2), "float32")
    with pytest.raises(DataError, match="at most 30"):
        approx_ndcg_loss(ones * 31, ones)
    assert np.isfinite(float(approx_ndcg_loss(ones * 1000, ones, gain="linear")))
    with pytest.raises(DataError, match="at most 30"):
        pairwise_logistic_loss(ones * 31, ones, lambda_weight="ndcg")
    with pytest.raises(ConfigError, match="Did you mean 'linear'"):
        approx_ndcg_loss(ones, ones, gain="liner")
    with pytest.raises(ConfigError, match="'ndcg' or None"):
        pairwise_hinge_loss(ones, ones, lambda_weight="map")
    with pytest.raises(ConfigError, match="k of 1 or more"):
        pairwise_hinge_loss(ones, ones, lambda_weight="ndcg", k=0)
    with pytest.raises(ConfigError, match="temperature above 0"):
        approx_ndcg_loss(ones, ones, temperature=0.0)
    with pytest.raises(ConfigError, match="samples of 1 or more"):
        gumbel_approx_ndcg_loss(ones, ones, seed=1, samples=0)

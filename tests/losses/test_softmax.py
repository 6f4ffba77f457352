from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses import sampled_softmax

pytestmark = pytest.mark.backend

# JAX compiles each new shape, which takes longer than the test itself.
EXAMPLES = 5 if keras.backend.backend() == "jax" else 25


def naive(
    queries,
    candidates,
    *,
    positives=None,
    temperature=1.0,
    log_q=None,
    candidate_ids=None,
    mask=None,
    sample_weight=None,
    reduction="sum",
):
    """The formula, one example at a time, in float64."""
    queries, candidates = np.asarray(queries, np.float64), np.asarray(candidates, np.float64)
    n, c = len(queries), len(candidates)
    positives = np.arange(n) if positives is None else positives
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, np.float64)
    scores = queries @ candidates.T / temperature
    if log_q is not None:
        scores = scores - np.asarray(log_q, np.float64)
    total = 0.0
    for i in range(n):
        kept = []
        for j in range(c):
            hit = candidate_ids is not None and candidate_ids[j] == candidate_ids[positives[i]]
            masked = mask is not None and not mask[i, j]
            if j == positives[i] or not (hit or masked):
                kept.append(scores[i, j])
        top = max(kept)
        total += weight[i] * (
            top + np.log(np.sum(np.exp(np.array(kept) - top))) - scores[i, positives[i]]
        )
    if reduction == "mean":
        return total / weight.sum() if weight.sum() > 0 else 0.0
    return total


@st.composite
def batches(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    b = draw(st.sampled_from([1, 5]))
    c = b + draw(st.sampled_from([0, 2]))
    queries, candidates = (rng.normal(size=(n, 3)).astype("float32") for n in (b, c))
    options = {}
    if draw(st.booleans()):
        options["log_q"] = rng.normal(size=c).astype("float32")
    if draw(st.booleans()):
        options["candidate_ids"] = rng.integers(0, 3, c).astype("int32")
    if draw(st.booleans()):
        options["mask"] = rng.random((b, c)) < 0.5
    if draw(st.booleans()):
        options["sample_weight"] = rng.integers(0, 3, b).astype("float32")
    options["temperature"] = draw(st.sampled_from([1.0, 0.3]))
    options["reduction"] = draw(st.sampled_from(["sum", "mean"]))
    return queries, candidates, options, draw(st.sampled_from([2, 7]))


@settings(max_examples=EXAMPLES, deadline=None)
@given(batches())
def test_equals_the_naive_formula_and_its_finite_differences(gradients, differences, batch):
    queries, candidates, options, block_size = batch

    def ours(q, c):
        return sampled_softmax(q, c, block_size=block_size, **options)

    loss = float(ours(ops.convert_to_tensor(queries), ops.convert_to_tensor(candidates)))
    assert loss == pytest.approx(naive(queries, candidates, **options), rel=1e-4, abs=1e-4)
    expected = differences(lambda q, c: naive(q, c, **options), queries, candidates)
    for got, want in zip(gradients(ours, queries, candidates), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=2e-4)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=4),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_unique_rows_and_columns_give_the_same_loss_and_gradients(
    gradients, pairs, hits, corrected, masked
):
    rng = np.random.default_rng(0)
    users, items = np.array(pairs, dtype="int32").T
    user_table, item_table = (rng.normal(size=(4, 3)).astype("float32") for _ in range(2))
    weight = rng.random(len(pairs)).astype("float32")
    log_q = rng.normal(size=4).astype("float32")
    keep = rng.random((len(pairs), 4)) < 0.5
    rows, row = np.unique(users, return_inverse=True)
    columns, column, counts = np.unique(items, return_inverse=True, return_counts=True)

    def repeated(u, i):
        return sampled_softmax(
            ops.take(u, users, axis=0),
            ops.take(i, items, axis=0),
            sample_weight=weight,
            log_q=log_q[items] if corrected else None,
            candidate_ids=items if hits else None,
            mask=keep[:, items] if masked else None,
        )

    def unique(u, i):
        # Two columns of padding and a row of it, as a builder of fixed sizes would leave.
        ids = np.concatenate([columns, [0, 0]]).astype("int32")
        return sampled_softmax(
            ops.take(u, np.append(rows, 0).astype("int32"), axis=0),
            ops.take(i, ids, axis=0),
            rows=row.astype("int32"),
            positives=column.astype("int32"),
            counts=np.concatenate([counts, [0, 0]]).astype("float32"),
            log_q=log_q[ids] if corrected else None,
            candidate_ids=ids if hits else None,
            mask=keep[:, ids] if masked else None,
            sample_weight=weight,
            block_size=2,
        )

    tables = ops.convert_to_tensor(user_table), ops.convert_to_tensor(item_table)
    assert float(unique(*tables)) == pytest.approx(float(repeated(*tables)), rel=1e-4, abs=1e-5)
    both = gradients(unique, user_table, item_table), gradients(repeated, user_table, item_table)
    for got, want in zip(*both, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("dropped", [False, True])
def test_merging_repeats_gives_the_same_loss_and_gradients(gradients, corrected, dropped):
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 4, (2, 9)).astype("int32")
    # Where what follows the lookup differs from row to row, equal rows are no longer equal.
    noise = np.where(rng.random((9, 3)) < 0.3, 0, 1).astype("float32")
    noise = ops.convert_to_tensor(noise if dropped else np.ones_like(noise))
    tables = [rng.normal(size=(4, 3)).astype("float32") for _ in range(2)]

    def loss(u, i, merge):
        return sampled_softmax(
            ops.take(u, users, axis=0) * noise,
            ops.take(i, items, axis=0),
            log_q=np.linspace(-9, -3, 9, dtype="float32") if corrected else None,
            sample_weight=np.arange(9, dtype="float32"),
            temperature=0.5,
            merge_repeats=merge,
            block_size=3,
        )

    tensors = [ops.convert_to_tensor(table) for table in tables]
    assert float(loss(*tensors, True)) == pytest.approx(float(loss(*tensors, False)), rel=1e-5)
    merged, whole = (gradients(lambda u, i, m=m: loss(u, i, m), *tables) for m in (True, False))
    for got, want in zip(merged, whole, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


def test_temperature_and_weights_receive_gradients(gradients, differences):
    rng = np.random.default_rng(1)
    queries, candidates = (rng.normal(size=(5, 3)).astype("float32") for _ in range(2))
    weight, temperature = rng.random(5).astype("float32"), np.float32(0.7)

    def ours(t, w):
        return sampled_softmax(
            ops.convert_to_tensor(queries), candidates, temperature=t, sample_weight=w
        )

    def reference(t, w):
        return naive(queries, candidates, temperature=t, sample_weight=w)

    for got, want in zip(
        gradients(ours, temperature, weight),
        differences(reference, temperature, weight),
        strict=True,
    ):
        np.testing.assert_allclose(got, want, rtol=1e-3)


def test_blocks_do_not_change_the_loss(compiled):
    rng = np.random.default_rng(2)
    queries, candidates = (rng.normal(size=(n, 8)).astype("float32") for n in (601, 700))
    whole = float(sampled_softmax(queries, candidates, block_size=1000))
    blocked = compiled(lambda q, c: sampled_softmax(q, c, block_size=128))
    got = float(blocked(ops.convert_to_tensor(queries), ops.convert_to_tensor(candidates)))
    assert got == pytest.approx(whole, rel=1e-6)


def test_a_batch_of_one_costs_nothing():
    one = np.array([[3.0, -4.0]], dtype="float32")
    for options in ({}, {"candidate_ids": np.array([4])}, {"mask": np.array([[False]])}):
        assert float(sampled_softmax(one, one, **options)) == 0.0


def test_equal_candidates_cost_the_logarithm_of_their_number():
    same = np.ones((4, 3), dtype="float32")
    assert float(sampled_softmax(same, same)) == pytest.approx(4 * np.log(4), rel=1e-6)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_zero_weights_give_zero_loss_and_zero_gradients(gradients, reduction):
    rng = np.random.default_rng(3)
    queries, candidates = (rng.normal(size=(3, 2)).astype("float32") for _ in range(2))

    def ours(q, c):
        return sampled_softmax(
            q, c, sample_weight=np.zeros(3, dtype="float32"), reduction=reduction
        )

    assert float(ours(ops.convert_to_tensor(queries), candidates)) == 0.0
    for grad in gradients(ours, queries, candidates):
        assert (grad == 0).all()


def test_everything_masked_leaves_only_the_positive():
    rng = np.random.default_rng(4)
    queries, candidates = (rng.normal(size=(3, 2)).astype("float32") for _ in range(2))
    assert float(sampled_softmax(queries, candidates, mask=np.zeros((3, 3), dtype=bool))) == 0.0


def test_huge_scores_stay_finite(gradients):
    queries = np.array([[300.0, 0.0], [0.0, 300.0]], dtype="float32")
    grads = gradients(sampled_softmax, queries, -queries)
    assert all(np.isfinite(grad).all() for grad in grads)


def test_half_precision_is_computed_in_float32():
    queries = ops.cast(np.eye(3), "bfloat16")
    assert float(sampled_softmax(queries, queries)) == pytest.approx(
        naive(np.eye(3), np.eye(3)), rel=1e-6
    )


def test_full_softmax_over_a_catalogue():
    rng = np.random.default_rng(5)
    queries, table = (rng.normal(size=(n, 3)).astype("float32") for n in (4, 9))
    codes = np.array([8, 0, 0, 3], dtype="int32")
    got = float(sampled_softmax(queries, table, positives=codes))
    assert got == pytest.approx(naive(queries, table, positives=codes), rel=1e-5)


def test_shapes_that_do_not_fit_are_refused():
    two, three = np.ones((2, 2), dtype="float32"), np.ones((3, 3), dtype="float32")
    with pytest.raises(ConfigError, match="one dimension D"):
        sampled_softmax(two, three)
    with pytest.raises(ConfigError, match="a candidate for each of the 2 examples"):
        sampled_softmax(two, two[:1])
    with pytest.raises(ConfigError, match="'sum' or 'mean'"):
        sampled_softmax(two, two, reduction="none")

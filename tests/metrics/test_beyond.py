from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.metrics import beyond


def drawn(seed, batch=5, k=6, n=12):
    """Lists of distinct items, each filled from the left."""
    draw = np.random.default_rng(seed)
    items = np.stack([draw.permutation(n)[:k] for _ in range(batch)])
    valid = np.arange(k) < draw.integers(0, k + 1, batch)[:, None]
    return draw, items, valid


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_gini_is_the_mean_difference(seed, k):
    _, items, valid = drawn(seed)
    counts = np.zeros(12)
    for row, held in zip(items[:, :k], valid[:, :k], strict=True):
        counts[row[held]] += 1
    found = beyond.gini(items, valid, 12, k)
    if not counts.any():
        assert np.isnan(found)
    else:
        gaps = np.abs(counts[:, None] - counts).mean()
        assert found == pytest.approx(gaps / (2 * counts.mean()), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_popularity_is_the_mean_share(seed, k):
    draw, items, valid = drawn(seed)
    counts = draw.integers(0, 20, 12)
    for row, held, value in zip(
        items[:, :k], valid[:, :k], beyond.popularity(items, valid, counts, 20, k), strict=True
    ):
        expected = counts[row[held]].mean() / 20 if held.any() else np.nan
        assert value == pytest.approx(expected, nan_ok=True)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_diversity_is_over_all_pairs(seed, k):
    draw, items, valid = drawn(seed)
    vectors = draw.normal(size=(12, 3)) * draw.integers(0, 2, (12, 1))
    found = beyond.diversity(vectors[items], valid, k)
    for row, held, value in zip(items[:, :k], valid[:, :k], found, strict=True):
        shown = vectors[row[held]]
        unit = [v / np.linalg.norm(v) if v.any() else v for v in shown]
        pairs = [unit[i] @ unit[j] for i in range(len(unit)) for j in range(i)]
        expected = 1 - np.mean(pairs) if pairs else np.nan
        assert value == pytest.approx(expected, nan_ok=True, abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_calibration_is_the_divergence(seed, k):
    draw, items, valid = drawn(seed)
    categories = draw.integers(0, 2, (12, 4)).astype(float)
    wanted = draw.integers(0, 3, (5, 4)).astype(float)
    found = beyond.calibration_kl(wanted, categories[items], valid, k, alpha=0.1)
    for p, row, held, value in zip(wanted, items[:, :k], valid[:, :k], found, strict=True):
        shown = categories[row[held]]
        shown = shown[shown.any(axis=1)]
        if not len(shown) or not p.any():
            assert np.isnan(value)
            continue
        q = (shown / shown.sum(axis=1, keepdims=True)).mean(axis=0)
        share = p / p.sum()
        expected = sum(
            a * np.log(a / (0.9 * b + 0.1 * a)) for a, b in zip(share, q, strict=True) if a
        )
        assert value == pytest.approx(expected, abs=1e-12)


def test_serendipity_counts_what_popularity_had_not():
    hits = np.array([[True, True, False], [True, False, False]])
    expected = np.array([[False, True, True], [False, False, False]])
    assert beyond.serendipity(hits, expected, np.array([2, 0]), 2).tolist()[0] == 0.5
    assert np.isnan(beyond.serendipity(hits, expected, np.array([2, 0]), 2)[1])
    # A list shorter than k counts as if filled with misses.
    assert beyond.serendipity(hits, expected, np.array([2, 1]), 5).tolist() == [0.2, 0.2]


@given(st.integers(0, 2**32 - 1))
def test_what_lies_beyond_k_or_is_invalid_does_not_count(seed):
    draw, items, valid = drawn(seed)
    vectors = draw.random((12, 3))[items]
    spoilt = np.where(valid, items, 11 - items)
    spoilt_vectors = np.where(valid[:, :, None], vectors, np.nan)
    counts = np.arange(12)
    for k in (2, 4):
        np.testing.assert_array_equal(
            beyond.diversity(vectors[:, :k], valid[:, :k], k),
            beyond.diversity(np.where(valid[:, :, None], spoilt_vectors, 0.0), valid, k),
        )
        np.testing.assert_array_equal(
            beyond.popularity(items[:, :k], valid[:, :k], counts, 20, k),
            beyond.popularity(spoilt, valid, counts, 20, k),
        )


def test_bad_input():
    items, valid = np.array([[0, 5]]), np.ones((1, 2), dtype=bool)
    with pytest.raises(DataError, match="0 to 5"):
        beyond.gini(items, valid, 4, 2)
    for call in (
        lambda: beyond.gini(items, valid, 0, 2),
        lambda: beyond.popularity(items, valid, np.ones(6), 0, 2),
        lambda: beyond.diversity(np.ones((1, 2, 3)), valid, 0),
        lambda: beyond.calibration_kl(np.ones((1, 3)), np.ones((1, 2, 3)), valid, 2, alpha=1.0),
    ):
        with pytest.raises(ConfigError, match="received"):
            call()

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError
from shortlist.postranking import DPP, Context
from shortlist.postranking._residuals import residuals
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestDPP(PostRankerTests):
    def make(self):
        return DPP(trade_off=0.6)


class TestWindowedDPP(PostRankerTests):
    def make(self):
        return DPP(trade_off=0.6, window=4)


class TestDPPByDiversityAlone(PostRankerTests):
    def make(self):
        return DPP(trade_off=0.0, sigma=0.5)


def kernel_of(vectors, sigma):
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    gaps = ((units[:, None] - units[None]) ** 2).sum(axis=2)
    return np.exp(-gaps / (2 * sigma**2))


seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(2, 9), st.one_of(st.none(), st.integers(1, 5)))
def test_residuals_are_ratios_of_determinants(seed, n, window):
    """To 1e-8, against determinants computed from scratch."""
    draw = np.random.default_rng(seed)
    kernels = np.stack([kernel_of(draw.standard_normal((n, 5)), 0.8) for _ in range(3)])
    orders = np.stack([draw.permutation(n) for _ in range(3)])
    rounds = n - 1

    def fill(columns, out):
        out[..., 0, :] = kernels[np.arange(3), columns] if out.ndim > 2 else kernels[0, columns]

    together = residuals(fill, np.ones((3, n)), rounds, window)
    alone = residuals(fill, np.ones(n), rounds, window)
    for count in range(1, rounds + 1):
        together.choose(orders[:, count - 1])
        alone.choose(orders[0, count - 1])
        left = orders[:, count:]
        for row in range(3):
            inside = orders[row, max(0, count - window) if window else 0 : count]
            block = kernels[row][np.ix_(inside, inside)]
            # Where it is all but singular even determinants are rounding.
            if np.linalg.cond(block) > 1e6:
                continue
            expected = [
                np.linalg.det(kernels[row][np.ix_(both, both)]) / np.linalg.det(block)
                for both in (np.append(inside, item) for item in left[row])
            ]
            np.testing.assert_allclose(together.values[row, left[row]], expected, atol=1e-8)
        np.testing.assert_allclose(alone.values[left[0]], together.values[0, left[0]], atol=1e-10)


@pytest.mark.parametrize("window", [None, 9])
def test_residuals_do_not_drift(window):
    """After fifty rounds with all but equal items among them, against a fresh solution."""
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((80, 6))
    vectors[40:60] = vectors[:20] + 3e-3 * draw.standard_normal((20, 6))
    kernel = kernel_of(vectors, 1.0)

    def fill(columns, out):
        out[0] = kernel[columns]

    left, order = residuals(fill, np.ones(80), 50, window), draw.permutation(80)
    for column in order[:50]:
        left.choose(column)
    near, rest = order[50 - (window or 50) : 50], order[50:]
    rows = np.linalg.solve(kernel[np.ix_(near, near)], kernel[np.ix_(near, rest)])
    expected = 1 - (kernel[np.ix_(near, rest)] * rows).sum(axis=0)
    np.testing.assert_allclose(left.values[rest], expected, atol=1e-7)


@given(seeds, st.integers(1, 9), st.integers(1, 6), st.floats(0, 1), st.booleans())
def test_equal_to_the_naive_greedy_search(seed, n, k, trade_off, windowed):
    draw = np.random.default_rng(seed)
    scores = -np.sort(-draw.standard_normal(n)).astype(np.float32)
    vectors = draw.standard_normal((n, 4)).astype(np.float32)
    kernel = kernel_of(vectors.astype(float), 0.7)
    span = float(scores.max() - scores.min())
    rel = (scores - scores.min()).astype(float) / span if span else np.ones(n)
    chosen, left = [], list(range(n))
    while left and len(chosen) < k:
        near = chosen[-2:] if windowed else chosen

        def value(i, near=near):
            both = [*near, i]
            new, old = (np.linalg.det(kernel[np.ix_(s, s)]) for s in (both, near))
            return trade_off * rel[i] + (1 - trade_off) * np.log(max(new / old, 1e-8))

        chosen.append(max(left, key=value))
        left.remove(chosen[-1])
    pool = Ranked(np.arange(n)[None], scores[None], np.ones((1, n)))
    context = Context(Queries.of(["u"]), k=k, vectors=lambda ids: vectors[ids])
    dpp = DPP(trade_off=trade_off, sigma=0.7, window=3 if windowed else None)
    assert dpp(pool, context).lists()[0] == chosen + left


@given(seeds, st.sampled_from([0.5, 0.8, 0.9, 0.97]), st.sampled_from([None, 3]), st.booleans())
def test_the_first_columns_do_only_where_they_are_enough(seed, trade_off, window, alike):
    """Nothing that is left out at first could have been chosen."""
    draw = np.random.default_rng(seed)
    vectors = (draw.standard_normal((3, 60, 4)) + (8.0 if alike else 0.0)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    gains = trade_off * -np.sort(-(draw.random((3, 60)) ** draw.uniform(0.3, 3)), axis=1)
    gains[1, 30:] = -np.inf
    dpp = DPP(trade_off=trade_off, window=window)
    found = dpp._choose(gains.copy(), vectors, 6)
    for row in range(3):
        whole, _ = dpp._search(gains[row], vectors[row], 6)
        np.testing.assert_array_equal(found[row], whole)


def test_twins_come_last_and_without_noise():
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    pool = Ranked(np.arange(6)[None], -np.arange(6.0)[None], np.ones((1, 6)))
    context = Context(Queries.of(["u"]), k=6, vectors=lambda ids: vectors[ids])
    for window in (None, 6):
        found = DPP(trade_off=0.5, window=window)(pool, context).lists()[0]
        assert found == [0, 2, 5, 1, 3, 4]


def test_relevance_alone_changes_nothing():
    pool = Ranked(np.arange(5)[None], -np.arange(5.0)[None], np.ones((1, 5)))
    context = Context(Queries.of(["u"]), k=4, vectors=lambda ids: np.ones((len(ids), 2)))
    assert DPP(trade_off=1.0)(pool, context).lists() == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    "wrong",
    [{"trade_off": 1.5}, {"sigma": 0}, {"sigma": np.nan}, {"window": 1}, {"window": 2.5}],
)
def test_bad_options(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        DPP(**wrong)

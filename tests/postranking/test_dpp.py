from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError
from shortlist.postranking import DPP, Context
from shortlist.postranking._residuals import Residuals
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
    rows, rounds = np.arange(3), min(n - 1, 5)
    residuals = Residuals(lambda c: kernels[rows, c].copy(), (3, n), rounds, window)
    orders = np.stack([draw.permutation(n) for _ in range(3)])
    for count in range(1, rounds + 1):
        residuals.choose(orders[:, count - 1])
        for row in range(3):
            inside = orders[row, max(0, count - window) if window else 0 : count]
            below = np.linalg.det(kernels[row][np.ix_(inside, inside)])
            for item in orders[row, count:]:
                both = np.append(inside, item)
                expected = np.linalg.det(kernels[row][np.ix_(both, both)]) / below
                assert residuals.values[row, item] == pytest.approx(expected, abs=2e-8)


@given(seeds, st.integers(1, 9), st.integers(1, 6), st.floats(0, 0.95), st.booleans())
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

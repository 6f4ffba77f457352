from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.metrics.ranking import (
    METRICS,
    average_precision,
    coverage,
    hit_rate,
    ndcg,
    novelty,
    precision,
    recall,
    reciprocal_rank,
)


@st.composite
def cases(draw):
    """A list of hits, a number of relevant items that allows it, and k."""
    hits = draw(st.lists(st.booleans(), max_size=12))
    return hits, sum(hits) + draw(st.integers(0, 5)), draw(st.integers(1, 15))


def one(metric, hits, relevant, k):
    return metric(np.array([hits], dtype=bool).reshape(1, -1), np.array([relevant]), k)[0]


def naive(hits, relevant, k):
    """Every metric as a textbook writes it, place by place."""
    top = hits[:k]
    ranks = [rank for rank, hit in enumerate(top, start=1) if hit]
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, relevant) + 1))
    return {
        "recall": len(ranks) / relevant,
        "precision": len(ranks) / k,
        "hit_rate": float(bool(ranks)),
        "ndcg": sum(1 / math.log2(rank + 1) for rank in ranks) / ideal,
        "mrr": 1 / ranks[0] if ranks else 0.0,
        "map": sum(sum(top[:rank]) / rank for rank in ranks) / min(k, relevant),
    }


@given(cases())
def test_equal_to_the_textbook(case):
    hits, relevant, k = case
    for name, metric in METRICS.items():
        value = one(metric, hits, relevant, k)
        if relevant == 0:
            assert math.isnan(value)
        else:
            assert value == pytest.approx(naive(hits, relevant, k)[name], abs=1e-12)
            assert 0 <= value <= 1


@given(cases())
def test_a_short_list_counts_as_filled_with_misses(case):
    hits, relevant, k = case
    for metric in METRICS.values():
        np.testing.assert_array_equal(
            one(metric, hits, relevant, k), one(metric, hits + [False] * 9, relevant, k)
        )


@given(cases())
def test_moving_a_hit_up_never_hurts(case):
    hits, relevant, k = case
    better = sorted(hits, reverse=True)
    for metric in METRICS.values():
        assert not one(metric, better, relevant, k) < one(metric, hits, relevant, k)


@given(st.integers(1, 20), st.integers(1, 20))
def test_the_best_list_scores_one(relevant, k):
    best = [True] * min(relevant, k)
    for metric in (ndcg, hit_rate, reciprocal_rank, average_precision):
        assert one(metric, best, relevant, k) == pytest.approx(1.0)
    assert one(recall, best, relevant, k) == pytest.approx(min(relevant, k) / relevant)
    assert one(precision, best, relevant, k) == pytest.approx(min(relevant, k) / k)


def test_users_do_not_influence_each_other():
    hits = np.random.default_rng(0).random((50, 20)) < 0.2
    relevant = hits.sum(axis=1) + 1
    for metric in METRICS.values():
        alone = np.concatenate([metric(hits[i : i + 1], relevant[i : i + 1], 7) for i in range(50)])
        np.testing.assert_array_equal(metric(hits, relevant, 7), alone)


def test_bad_input():
    for metric in METRICS.values():
        with pytest.raises(ConfigError, match="positive"):
            metric(np.ones((1, 1)), np.ones(1), 0)
        with pytest.raises(DataError, match="only once"):
            metric(np.ones((1, 2)), np.ones(1), 5)
        with pytest.raises(DataError, match="shape"):
            metric(np.ones((2, 2)), np.ones(1), 5)


def test_coverage_counts_items_once_and_only_valid_ones():
    items = np.array([[1, 2, 3], [1, 4, 9]])
    valid = np.array([[1, 1, 1], [1, 1, 0]], dtype=bool)
    assert coverage(items, valid, 10, k=3) == 0.4
    assert coverage(items, valid, 10, k=1) == 0.1
    assert coverage(items, np.zeros_like(valid), 10, k=3) == 0.0
    with pytest.raises(ConfigError, match="catalogue"):
        coverage(items, valid, 0, k=1)


def test_novelty_is_the_mean_self_information():
    counts = np.array([16, 4, 1, 0])
    items = np.array([[0, 1, 2, 3], [1, 0, 0, 0]])
    valid = np.array([[1, 1, 1, 1], [1, 0, 0, 0]], dtype=bool)
    assert novelty(items, valid, counts, 16, k=4).tolist() == [(0 + 2 + 4 + 4) / 4, 2.0]
    assert novelty(items, valid, counts, 16, k=1).tolist() == [0.0, 2.0]
    assert np.isnan(novelty(items, np.zeros_like(valid), counts, 16, k=1)).all()
    with pytest.raises(ConfigError, match="user"):
        novelty(items, valid, counts, 0, k=1)

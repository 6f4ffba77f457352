from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.postranking import MMR, Context
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestMMR(PostRankerTests):
    def make(self):
        return MMR(trade_off=0.6)


class TestMMRByLikenessAlone(PostRankerTests):
    def make(self):
        return MMR(trade_off=0.0)


def naive(scores, vectors, k, trade_off):
    """The formula, item by item, in float64."""
    low, high = min(scores), max(scores)
    rel = [(s - low) / (high - low) if high > low else 1.0 for s in scores]
    units = [v / np.linalg.norm(v) for v in vectors]
    chosen, left = [], list(range(len(scores)))
    while left and len(chosen) < k:
        value = {
            i: trade_off * rel[i]
            - (1 - trade_off) * max((float(units[i] @ units[j]) for j in chosen), default=0.0)
            for i in left
        }
        chosen.append(max(left, key=lambda i: value[i]))
        left.remove(chosen[-1])
    return chosen + left


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.floats(0, 1))
def test_equal_to_the_formula(seed, n, k, trade_off):
    draw = np.random.default_rng(seed)
    scores = -np.sort(-draw.standard_normal(n)).astype(np.float32)
    vectors = draw.standard_normal((n, 3))
    pool = Ranked(np.arange(n)[None], scores[None], np.ones((1, n)))
    context = Context(Queries.of(["u"]), k=k, vectors=lambda ids: vectors[ids])
    found = MMR(trade_off=trade_off)(pool, context)
    assert found.lists()[0] == naive(scores.astype(float), vectors, k, trade_off)
    np.testing.assert_array_equal(found.scores[0], scores[found.ids[0]])


@given(st.integers(0, 2**32 - 1), st.integers(20, 30), st.sampled_from([1, 4, 256]))
@settings(max_examples=25)
def test_large_pools_follow_the_formula_exactly(seed, k, steps):
    # All numbers have few bits, so that ties are real ties in any order of adding up.
    draw = np.random.default_rng(seed)
    scores = -np.sort(-draw.integers(0, steps, (3, 150), endpoint=True) / steps, axis=1)
    scores[:, 0], scores[:, -1] = 1, 0
    vectors = draw.choice([-0.25, 0.25], (450, 16))
    ids = draw.permutation(450).reshape(3, 150)
    context = Context(Queries.of([1, 2, 3]), k=k, vectors=lambda asked: vectors[asked])
    found = MMR(trade_off=0.5)(Ranked(ids, scores, np.ones_like(ids)), context).lists()
    for row in range(3):
        assert found[row] == ids[row][naive(scores[row], vectors[ids[row]], k, 0.5)].tolist()


def test_what_was_set_aside_too_early_is_chosen_after_all():
    # Until one of them is chosen, 130 items that are all alike look better than the last 60.
    vectors = np.eye(200)
    vectors[10:140] = vectors[9]
    scores = np.r_[np.linspace(1, 0.9, 140), np.linspace(0.5, 0, 60)]
    pool = Ranked(np.arange(200)[None], scores[None], np.ones((1, 200)))
    context = Context(Queries.of(["u"]), k=40, vectors=lambda ids: vectors[ids])
    found = MMR(trade_off=0.5)(pool, context).lists()[0]
    assert found == naive(scores.astype(np.float32).astype(float), vectors, 40, 0.5)
    assert max(found[:40]) >= 140


def pool_of(*ids):
    return Ranked(np.array([ids]), -np.arange(len(ids), dtype=float)[None], np.ones((1, len(ids))))


def test_relevance_alone_changes_nothing():
    context = Context(Queries.of(["u"]), k=3, vectors=lambda ids: np.ones((len(ids), 2)))
    assert MMR(trade_off=1.0)(pool_of(5, 1, 9), context).lists() == [[5, 1, 9]]


def test_missing_vectors_are_counted_and_unlike_everything():
    vectors = {1: [1.0, 0.0], 2: [1.0, 0.0], 3: [np.nan, 0.0], 4: [0.0, 0.0]}
    context = Context(
        Queries.of(["u"]), k=4, vectors=lambda ids: np.array([vectors[i] for i in ids.tolist()])
    )
    assert MMR(trade_off=0.3)(pool_of(1, 2, 3, 4), context).lists() == [[1, 3, 4, 2]]
    assert context.counts == {"mmr: items without a vector": 2}


def test_vectors_are_not_asked_for_of_no_items():
    context = Context(Queries.of(["u"]), k=4, vectors=lambda ids: np.array([[0.0] for _ in ids]))
    empty = Ranked(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((1, 3)))
    assert MMR()(empty, context).lists() == [[]]


def test_bad_input():
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(ConfigError, match=r"trade_off in \[0, 1\]"):
            MMR(trade_off=wrong)
    with pytest.raises(ConfigError, match="'mmr' needs item vectors"):
        MMR()(pool_of(1), Context(Queries.of(["u"]), k=1))
    with pytest.raises(DataError, match=r"array \[1, D\]"):
        MMR()(pool_of(1), Context(Queries.of(["u"]), k=1, vectors=lambda ids: np.ones((2, 2))))

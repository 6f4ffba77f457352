from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import DataError
from shortlist.metrics import ranks as module
from shortlist.metrics.ranks import rank_in_scores, ranks
from shortlist.ranked import select_top


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 6), st.integers(0, 12))
def test_ranks_are_places_in_the_full_sort(seed, n, batch, count):
    """Integers, so that scores tie often and are exact."""
    draw = np.random.default_rng(seed)
    queries, candidates = draw.integers(-2, 3, (batch, 2)), draw.integers(-2, 3, (n, 2))
    owners, positives = draw.integers(0, batch, count), draw.integers(0, n, count)
    hidden = draw.integers(0, batch, 20), draw.integers(0, n, 20)
    scores = (queries @ candidates.T).astype(float)
    scores[hidden] = -np.inf
    order = select_top(scores, n)
    expected = [
        n + 1 if np.isneginf(scores[o, p]) else order[o].tolist().index(p) + 1
        for o, p in zip(owners, positives, strict=True)
    ]
    given_floats = queries.astype(np.float32), candidates.astype(np.float32)
    assert ranks(*given_floats, owners, positives, exclude=hidden).tolist() == expected


def test_blocks_of_any_size_give_the_same(monkeypatch):
    draw = np.random.default_rng(0)
    queries, candidates = draw.standard_normal((40, 8)), draw.standard_normal((90, 8))
    owners, positives = draw.integers(0, 40, 200), draw.integers(0, 90, 200)
    whole = ranks(queries, candidates, owners, positives)
    for rows, columns in ((1, 1), (7, 13), (64, 90)):
        monkeypatch.setattr(module, "_ROWS", rows)
        monkeypatch.setattr(module, "_COLUMNS", columns)
        assert ranks(queries, candidates, owners, positives).tolist() == whole.tolist()


@pytest.mark.parametrize("columns", [1, 4, 32])
def test_ties_and_hidden_items_hold_across_tiles(monkeypatch, columns):
    monkeypatch.setattr(module, "_COLUMNS", columns)
    draw = np.random.default_rng(1)
    queries, candidates = draw.integers(-1, 2, (9, 3)) * 1.0, draw.integers(-1, 2, (30, 3)) * 1.0
    owners, positives = draw.integers(0, 9, 60), draw.integers(0, 30, 60)
    hidden = draw.integers(0, 9, 40), draw.integers(0, 30, 40)
    scores = queries @ candidates.T
    scores[hidden] = -np.inf
    expected = rank_in_scores(scores, owners, positives)
    assert ranks(queries, candidates, owners, positives, exclude=hidden).tolist() == list(expected)


def test_scores_that_overflow_are_refused():
    huge = np.full((1, 2), 3e38, dtype=np.float32)
    with np.errstate(over="ignore"), pytest.raises(DataError, match="query 0"):
        ranks(huge, huge, np.array([0]), np.array([0]))


def test_a_constant_model_does_not_win():
    n = 1000
    owners = np.zeros(n, dtype=np.int64)
    found = ranks(np.ones((1, 32)), np.ones((n, 32)) / 3, owners, np.arange(n))
    assert sorted(found) == list(range(1, n + 1))


def test_one_positive_a_row():
    scores = np.array([[1.0, 2.0], [2.0, 1.0]])
    assert rank_in_scores(scores, np.array([0, 1]), np.array([0, 0])).tolist() == [2, 1]


def test_no_positives():
    none = np.empty(0, dtype=np.int64)
    assert ranks(np.ones((2, 1)), np.ones((3, 1)), none, none).tolist() == []


def test_bad_input():
    q, c, zero = np.ones((2, 3)), np.ones((4, 3)), np.array([0])
    with pytest.raises(DataError, match=r"\[N, D\]"):
        ranks(q, c[:, :2], zero, zero)
    for arguments, name in (
        ((np.array([2]), zero), "owners"),
        ((zero, np.array([4])), "positives"),
    ):
        with pytest.raises(DataError, match=f"{name} from 0"):
            ranks(q, c, *arguments)
    with pytest.raises(DataError, match="excluded columns"):
        ranks(q, c, zero, zero, exclude=(zero, np.array([-1])))
    q[1, 1] = np.nan
    with pytest.raises(DataError, match="query 1"):
        ranks(q, c, zero, zero)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shortlist.errors import DataError
from shortlist.ranked import Ranked, select_top

few_values = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.5, 2.0])
score_rows = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2), elements=few_values)


def sorted_top(row, k):
    """The rule in one line of Python: by score, then by column."""
    return sorted(range(len(row)), key=lambda column: (-row[column], column))[:k]


@st.composite
def rankings(draw):
    scores = draw(score_rows)
    valid = draw(hnp.arrays(bool, scores.shape))
    return Ranked(np.arange(scores.size).reshape(scores.shape), scores, valid)


@given(score_rows, st.integers(0, 8))
def test_select_top_is_the_stable_sort(scores, k):
    assert select_top(scores, k).tolist() == [sorted_top(row, k) for row in scores.tolist()]


@given(hnp.arrays(np.float32, (3, 40), elements=st.floats(-9, 9, width=32)), st.integers(1, 40))
def test_select_top_on_many_values(scores, k):
    assert select_top(scores, k).tolist() == [sorted_top(row, k) for row in scores.tolist()]


def test_select_top_refuses_what_has_no_order():
    for row in ([np.nan, 1.0, 2.0, 3.0], [np.nan] * 4):
        with pytest.raises(DataError, match="row 1 holds NaN"):
            select_top(np.array([[1.0, 2.0, 3.0, 4.0], row]), 2)
    with pytest.raises(DataError, match="at least 0"):
        select_top(np.ones((1, 2)), -1)


@given(rankings(), st.data())
def test_rescored_sorts_the_valid_and_keeps_the_rest_last(ranked, data):
    scores = data.draw(hnp.arrays(np.float32, ranked.scores.shape, elements=few_values))
    result = ranked.rescored(scores)
    for row in range(len(ranked)):
        columns = [c for c in range(ranked.k) if ranked.valid[row, c]]
        columns.sort(key=lambda c: -scores[row, c])
        assert result.lists()[row] == ranked.ids[row, columns].tolist()
        assert result.valid[row].tolist() == sorted(result.valid[row].tolist(), reverse=True)


@given(rankings(), st.data())
def test_keep_closes_the_gaps_in_order(ranked, data):
    mask = data.draw(hnp.arrays(bool, ranked.scores.shape))
    kept = ranked.keep(mask)
    assert kept.ids.shape == ranked.ids.shape
    assert kept.lists() == [
        ids[wanted].tolist() for ids, wanted in zip(ranked.ids, mask & ranked.valid, strict=True)
    ]
    assert kept.keep(np.ones_like(mask)).lists() == kept.lists()


def test_rescored_refuses_nan_only_where_an_item_stands():
    ranked = Ranked(np.array([["a", "b"]]), np.zeros((1, 2)), np.array([[True, False]]))
    assert ranked.rescored(np.array([[1.0, np.nan]])).lists() == [["a"]]
    with pytest.raises(DataError, match=r"item 'a'|np.str_\('a'\)"):
        ranked.rescored(np.array([[np.nan, 1.0]]))


def test_shapes_must_agree():
    with pytest.raises(DataError, match="one shape"):
        Ranked(np.zeros((1, 2)), np.zeros((1, 2)), np.ones((1, 3)))
    with pytest.raises(DataError, match="one shape"):
        Ranked(np.zeros(2), np.zeros(2), np.ones(2))


def test_views_of_a_ranking():
    ranked = Ranked(np.array([[7, 3, 9]]), np.array([[0.5, 0.25, 0]]), np.array([[1, 1, 0]]))
    assert list(ranked) == [[(7, 0.5), (3, 0.25)]]
    assert ranked.top(1).lists() == [[7]]
    assert ranked.top(10).k == 3
    assert ranked.take(np.array([[1, 0]])).lists() == [[3, 7]]
    assert ranked.map_ids(lambda ids: ids * 2).lists() == [[14, 6]]
    assert (ranked.batch_size, len(ranked), ranked.scores.dtype) == (1, 1, np.float32)

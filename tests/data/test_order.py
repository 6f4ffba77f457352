from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data.order import RowOrder

SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def make(sizes, window, *, shuffle=True, seed=0):
    return RowOrder(np.cumsum([0, *sizes]), window, shuffle=shuffle, seed=seed)


def rows(order, epoch, start, stop):
    return np.concatenate([*order.rows(epoch, start, stop), np.empty(0, int)]).tolist()


@given(SIZES, st.integers(1, 5), st.integers(0, 3))
def test_an_epoch_has_every_row_once(sizes, window, epoch):
    total = sum(sizes)
    assert sorted(rows(make(sizes, window), epoch, 0, total)) == list(range(total))


@given(SIZES, st.integers(1, 5), st.data())
def test_any_part_is_the_same_part_of_the_whole(sizes, window, data):
    total = sum(sizes)
    whole = rows(make(sizes, window), 1, 0, total)
    order = make(sizes, window)
    for _ in range(3):
        start = data.draw(st.integers(0, total))
        stop = data.draw(st.integers(start, total))
        assert rows(order, 1, start, stop) == whole[start:stop]


@given(SIZES, st.integers(1, 5))
def test_a_window_holds_whole_blocks(sizes, window):
    offsets = np.cumsum([0, *sizes])
    order = make(sizes, window)
    for part in order.rows(0, 0, sum(sizes)):
        blocks = set(np.searchsorted(offsets, part, side="right") - 1)
        assert len(blocks) <= window
        assert len(part) == sum(sizes[block] for block in blocks)


def test_seed_and_epoch_decide():
    whole = rows(make([100], 1), 0, 0, 100)
    assert rows(make([100], 1), 0, 0, 100) == whole
    assert rows(make([100], 1), 1, 0, 100) != whole
    assert rows(make([100], 1, seed=1), 0, 0, 100) != whole
    assert rows(make([10] * 10, 2), 0, 0, 100) != whole


def test_unshuffled_rows_keep_their_order():
    assert rows(make([3, 4, 5], 2, shuffle=False), 7, 2, 9) == [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("window", [1, 4, 100])
def test_a_plain_shuffle_leaves_no_trace_of_the_order(window):
    mixed = np.array(rows(make([50] * 200, window), 0, 0, 10_000))
    correlation = np.corrcoef(mixed, np.arange(10_000))[0, 1]
    assert abs(correlation) < 0.2

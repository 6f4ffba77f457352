from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data import Histories, Interactions, pad_histories
from shortlist.errors import ConfigError, DataError

EVENTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(0, 5)),
    min_size=1,
    max_size=30,
)


def make(events, mode="before"):
    users, codes, times = (list(column) for column in zip(*events, strict=True))
    log = Interactions({"user": users, "item": codes, "time": times}, duplicates="keep")
    return Histories(log, np.array(codes), mode=mode)


def pad(items, length):
    latest = items[-length:]
    return latest + [0] * (length - len(latest))


@given(EVENTS, st.integers(1, 6))
def test_before_is_what_the_user_did_before(events, length):
    order = sorted(range(len(events)), key=lambda i: events[i][2])
    padded = make(events).padded(np.arange(len(events)), length)
    assert padded.dtype == np.int32
    for row, (user, _, _) in enumerate(events):
        earlier = [events[i] for i in order[: order.index(row)]]
        known = [code for other, code, _ in earlier if other == user and code > 0]
        assert padded[row].tolist() == pad(known, length)


@given(EVENTS, st.integers(1, 6))
def test_others_are_the_users_other_items_each_once(events, length):
    order = sorted(range(len(events)), key=lambda i: events[i][2])
    padded = make(events, "others").padded(np.arange(len(events)), length)
    for row, (user, code, _) in enumerate(events):
        items = [events[i][1] for i in order if events[i][0] == user and events[i][1] > 0]
        last_of_each = list(dict.fromkeys(reversed(items)))[::-1]
        assert padded[row].tolist() == pad([i for i in last_of_each if i != code], length)


@given(EVENTS, st.integers(1, 6), st.sampled_from(["before", "others"]))
def test_a_batch_is_its_rows_one_by_one(events, length, mode):
    histories = make(events, mode)
    rows = np.random.default_rng(0).integers(0, len(events), 7)
    one_by_one = np.concatenate([histories.padded(rows[i : i + 1], length) for i in range(7)])
    np.testing.assert_array_equal(histories.padded(rows, length), one_by_one)
    np.testing.assert_array_equal(histories.column(length).take(rows), one_by_one)


@given(EVENTS, st.integers(1, 6))
def test_for_users_is_the_whole_history(events, length):
    made = make(events).for_users(["c", None, "a", "nobody"], length).tolist()
    ordered = sorted(events, key=lambda event: event[2])
    assert made == [
        pad([code for u, code, _ in ordered if u == user and code > 0], length)
        for user in ("c", None, "a", "nobody")
    ]


@given(st.lists(st.lists(st.integers(0, 5))), st.integers(1, 6))
def test_histories_from_elsewhere_are_padded_alike(lists, length):
    made = pad_histories([np.array(codes, dtype=np.int64) for codes in lists], length)
    assert made.shape == (len(lists), length)
    assert made.dtype == np.int32
    assert made.tolist() == [pad([c for c in codes if c > 0], length) for codes in lists]


def test_longer_padding_only_adds_zeros():
    histories = make([("a", 1, 0), ("a", 2, 1), ("a", 3, 2)])
    np.testing.assert_array_equal(histories.padded([2], 5)[:, :2], histories.padded([2], 2))
    assert histories.padded([2], 5)[:, 2:].sum() == 0


def test_nothing_known_is_all_padding():
    histories = make([("a", 0, 0), ("a", 0, 1)])
    assert histories.padded([0, 1], 3).tolist() == [[0] * 3] * 2
    assert histories.for_users(["a"], 2).tolist() == [[0, 0]]
    assert make([("a", 0, 0)], "others").padded([0], 2).tolist() == [[0, 0]]


def test_without_time_the_order_of_the_rows_counts():
    log = Interactions({"user": [1, 1], "item": [5, 6]}, time=None)
    assert Histories(log, np.array([1, 2])).padded([0, 1], 1).tolist() == [[0], [1]]


def test_wrong_arguments():
    log = Interactions({"user": [1, 1], "item": [5, 6], "time": [0, 1]})
    with pytest.raises(DataError, match=r"each of 2 rows; received an array of shape \(3,\)"):
        Histories(log, np.array([1, 2, 3]))
    with pytest.raises(DataError, match="row 1 holds -1"):
        Histories(log, np.array([1, -1]))
    with pytest.raises(ConfigError, match="received 'after'"):
        Histories(log, np.array([1, 2]), mode="after")
    with pytest.raises(ConfigError, match="length expected 1"):
        Histories(log, np.array([1, 2])).padded([0], 0)

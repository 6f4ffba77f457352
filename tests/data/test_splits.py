from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data import Interactions, LeakWarning, splits
from shortlist.errors import ConfigError, DataError

EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=10, max_size=40)
SHARES = st.sampled_from([0.1, 0.2, 0.25, 0.5, 0.75])


def make(events):
    """Each event's item is its row, so that parts can be told by their items."""
    users, times = (list(column) for column in zip(*events, strict=True))
    return Interactions({"user": users, "item": list(range(len(events))), "time": times})


def rows(part):
    return [] if part is None else part.frame["item"].to_list()


def naive(sequences, test, validation):
    """The stated rule, one sequence at a time."""
    parts = ([], [], [])
    for sequence in sequences:
        n = len(sequence)
        n_test = min(math.ceil(round(test * n, 6)), n - 1)
        n_validation = min(math.ceil(round(validation * n, 6)), n - 1 - n_test)
        parts[0].extend(sequence[: n - n_test - n_validation])
        parts[1].extend(sequence[n - n_test - n_validation : n - n_test])
        parts[2].extend(sequence[n - n_test :])
    return [sorted(part) for part in parts]


@given(EVENTS, SHARES, st.sampled_from([0.0, 0.2]))
def test_by_time_is_the_stated_rule(events, test, validation):
    split = splits.by_time(make(events), test, validation)
    order = sorted(range(len(events)), key=lambda i: events[i][1])
    assert [rows(split.train), rows(split.validation), rows(split.test)] == naive(
        [order], test, validation
    )


@given(EVENTS, SHARES, st.sampled_from([0.0, 0.2]))
def test_by_user_time_is_the_stated_rule(events, test, validation):
    order = sorted(range(len(events)), key=lambda i: events[i][1])
    sequences = [[i for i in order if events[i][0] == user] for user in range(4)]
    expected = naive([s for s in sequences if s], test, validation)
    if not expected[2] or (validation and not expected[1]):
        with pytest.raises(DataError, match="leaves nothing for"):
            splits.by_user_time(make(events), test, validation)
        return
    split = splits.by_user_time(make(events), test, validation)
    assert [rows(split.train), rows(split.validation), rows(split.test)] == expected


def test_leave_last_out_takes_one_of_each_user_with_more():
    log = make([(1, 5), (2, 9), (1, 4), (1, 5), (3, 0), (3, 0)])
    split = splits.leave_last_out(log)
    assert (rows(split.train), split.validation, rows(split.test)) == ([0, 1, 2, 4], None, [3, 5])
    split = splits.leave_last_out(log, validation=True)
    assert (rows(split.train), rows(split.validation)) == ([1, 2, 4], [0])


def test_random_warns_repeats_under_its_seed_and_covers_every_row():
    log = make([(i % 7, 0) for i in range(100)])
    with pytest.warns(LeakWarning, match="random split trains on events that came after"):
        split = splits.random(log, 0.2, 0.1, seed=3)
    with pytest.warns(LeakWarning):
        again = splits.random(log, 0.2, 0.1, seed=3)
    with pytest.warns(LeakWarning):
        other = splits.random(log, 0.2, 0.1, seed=4)
    assert [len(split.train), len(split.validation), len(split.test)] == [70, 10, 20]
    assert sorted(rows(split.train) + rows(split.validation) + rows(split.test)) == list(range(100))
    assert rows(again.test) == rows(split.test) != rows(other.test)
    assert rows(split.test) == sorted(rows(split.test))


def test_of_events_at_one_time_the_later_row_is_test():
    assert rows(splits.by_time(make([(1, 5)] * 5)).test) == [4]


def test_a_share_that_is_whole_up_to_rounding_is_not_rounded_up():
    assert len(splits.by_time(make([(1, i) for i in range(100)]), 0.07).test) == 7


def test_a_user_with_one_interaction_is_in_train_alone():
    split = splits.by_user_time(make([(1, 5), (2, 5), (2, 6)]))
    assert rows(split.train) == [0, 1]


def test_facts_tell_how_much_of_test_train_knows():
    log = Interactions({"user": [1, 1, 1, 2, 2], "item": [5, 6, 7, 5, 8], "time": [0, 1, 2, 3, 4]})
    assert splits.by_time(log, 0.4).facts() == {
        "train": 3,
        "validation": 0,
        "test": 2,
        "test_users": 1,
        "test_events_of_known_users": 0.0,
        "test_events_of_known_items": 0.5,
    }


def test_names_and_descriptions():
    log = make([(1, i) for i in range(10)])
    split = splits.by_time(log, 0.2, 0.1)
    assert split.name == "by_time"
    assert split.description == (
        "The last 20% of all events by time are test and the 10% before them validation; "
        "ties by the order of the source."
    )
    assert "Other users' later events are in train" in splits.by_user_time(log).description


@pytest.mark.parametrize("test", [0.0, 1.0, -0.1, 2, float("nan")])
def test_shares_out_of_range(test):
    with pytest.raises(ConfigError, match=r"test expected a share in \(0, 1\)"):
        splits.by_time(make([(1, 1), (1, 2)]), test)


def test_shares_that_leave_nothing():
    log = make([(1, 1), (1, 2)])
    with pytest.raises(ConfigError, match="leaves nothing for train"):
        splits.by_time(log, 0.6, 0.4)
    with pytest.raises(ConfigError, match="validation expected"):
        splits.by_time(log, 0.5, -0.1)
    with pytest.raises(DataError, match="leaves nothing for validation"):
        splits.by_time(log, 0.4, 0.4)
    with pytest.raises(DataError, match="by_user_time leaves nothing for test: 2 interactions"):
        splits.by_user_time(make([(1, 1), (2, 2)]))


@pytest.mark.parametrize("split", [splits.by_time, splits.by_user_time, splits.leave_last_out])
def test_without_time_there_is_no_last(split):
    log = Interactions({"user": [1, 1], "item": [1, 2]}, time=None)
    with pytest.raises(DataError, match=r"needs times, .* time=None"):
        split(log)
    with pytest.warns(LeakWarning):
        assert len(splits.random(log, 0.5, seed=0).test) == 1


@given(EVENTS)
def test_parts_share_no_row_and_lose_none(events):
    split = splits.by_time(make(events), 0.25, 0.25)
    whole = Counter(rows(split.train) + rows(split.validation) + rows(split.test))
    assert whole == Counter(range(len(events)))
    latest = np.array([events[i][1] for i in rows(split.train)]).max()
    assert min(events[i][1] for i in rows(split.test)) >= latest

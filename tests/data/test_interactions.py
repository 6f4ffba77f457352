from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data import Interactions
from shortlist.errors import ConfigError, DataError, SchemaError

EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=30
)


def make(events, **options):
    users, items, times = (list(column) for column in zip(*events, strict=True))
    return Interactions({"user": users, "item": items, "time": times}, **options)


@given(EVENTS)
def test_by_user_is_each_users_items_in_stable_time_order(events):
    log = make(events, duplicates="keep")
    expected: dict[int, list[str]] = {}
    for user, item, _ in sorted(events, key=lambda event: event[2]):
        expected.setdefault(user, []).append(item)
    made = log.by_user()
    assert {user: items.tolist() for user, items in made.items()} == expected
    assert list(made) == log.users.tolist()
    assert [items.tolist() for items in made.of([99, 0])] == [[], expected.get(0, [])]


@given(EVENTS)
def test_users_items_and_codes_describe_the_rows(events):
    log = make(events, duplicates="keep")
    assert log.users[log.user_codes].tolist() == [event[0] for event in events]
    assert log.items[log.item_codes].tolist() == [event[1] for event in events]
    assert log.users.tolist() == list(dict.fromkeys(event[0] for event in events))


@given(EVENTS)
def test_facts(events):
    log = make(events, duplicates="drop")
    facts = log.facts()
    pairs = {event[:2] for event in events}
    users, items = {event[0] for event in events}, {event[1] for event in events}
    assert facts["rows"] == len(log) == len(set(events))
    assert facts["duplicates"] == len(events) - len(set(events))
    assert (facts["users"], facts["items"]) == (len(users), len(items))
    assert facts["density"] == pytest.approx(len(pairs) / (len(users) * len(items)))
    assert facts["first_time"] == min(event[2] for event in events)
    assert facts["last_time"] == max(event[2] for event in events)


def test_dropping_duplicates_keeps_the_first_of_each_in_order():
    log = make([(1, "a", 5), (2, "b", 5), (1, "a", 5), (1, "a", 6)], duplicates="drop")
    assert log.frame.rows() == [(1, "a", 5), (2, "b", 5), (1, "a", 6)]


def test_duplicates_are_an_error_that_names_the_rows_and_the_remedy():
    events = [(1, "a", 5), (2, "b", 5), (2, "b", 5), (1, "a", 5)]
    with pytest.raises(DataError, match=r"2 equal an earlier one.*row 2, equal to row 1") as caught:
        make(events)
    assert caught.match("duplicates='drop'")
    assert len(make(events, duplicates="keep")) == 4
    assert make(events, duplicates="keep").facts()["duplicates"] == 2
    with pytest.raises(ConfigError, match="received 'ignore'"):
        make(events, duplicates="ignore")


def test_a_user_with_one_interaction_is_counted():
    assert make([(1, "a", 5), (2, "b", 5), (2, "c", 6)]).facts()["users_with_one_interaction"] == 1


def test_ratings_and_weights_are_found_by_name_or_given():
    source = {"user": [1], "item": [2], "time": [3], "rating": [4], "stars": [5], "weight": [0.5]}
    log = Interactions(source)
    assert log.frame.columns == ["user", "item", "time", "rating", "weight", "stars"]
    assert log.has_rating
    source.pop("rating")
    log = Interactions(source, rating="stars")
    assert log.frame["rating"].to_list() == [5.0]
    with pytest.raises(SchemaError, match=r"found the columns .* Did you mean 'stars'"):
        Interactions(source, rating="star")


def test_without_time_the_order_of_the_rows_stands_in():
    log = Interactions({"user": [1, 1], "item": [9, 8]}, time=None)
    assert not log.has_time
    assert log.times is None
    assert log.facts()["first_time"] is None
    assert log.by_user()[1].tolist() == [9, 8]


def test_filter_and_take():
    log = make([(1, "a", 5), (2, "b", 6), (1, "c", 7)])
    assert log.filter(np.array([True, False, True])).frame["item"].to_list() == ["a", "c"]
    assert log.filter(pl.col("time") < 7).frame["item"].to_list() == ["a", "b"]
    assert log.take([2, 0]).frame["item"].to_list() == ["c", "a"]
    assert len(log.filter(np.zeros(3, bool))) == 0
    assert log.filter(np.zeros(3, bool)).facts()["density"] == 0.0
    with pytest.raises(DataError, match="mask of 3 rows; received one of 2"):
        log.filter(np.array([True, False]))


def test_what_is_handed_out_cannot_change_what_is_inside():
    log = make([(1, "a", 5), (2, "b", 6)])
    log.frame.drop_in_place("time")
    assert log.frame.columns == ["user", "item", "time"]
    with pytest.raises(ValueError, match="read-only"):
        log.users[0] = 7
    with pytest.raises(AttributeError):
        log.frame = None


def test_asking_for_a_user_of_the_wrong_kind():
    users = make([(1, "a", 5)]).by_user()
    with pytest.raises(KeyError):
        users[2]
    with pytest.raises(SchemaError, match="received strings"):
        users.of(["1"])


def test_a_word_among_numbers_is_the_row_that_is_named(tmp_path):
    (tmp_path / "log.csv").write_text("user,item,time\n1,a,1\n1,b,soon\n2,a,3\n")
    with pytest.raises(DataError, match=r"'time'.*row 1 .*holds 'soon'"):
        Interactions(tmp_path / "log.csv")


def test_numbers_written_as_texts_are_numbers():
    log = Interactions({"user": [1, 2], "item": [1, 2], "time": ["10", " 9"]})
    assert log.times.tolist() == [10, 9]

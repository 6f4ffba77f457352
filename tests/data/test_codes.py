from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data.codes import IdIndex, first_appearance, time_order
from shortlist.errors import SchemaError

ID_LISTS = st.one_of(
    st.lists(st.integers(-(2**62), 2**62)), st.lists(st.text()), st.lists(st.binary())
)


@given(ID_LISTS.filter(bool))
def test_codes_point_at_the_ids_in_order_of_first_appearance(ids):
    distinct, codes = first_appearance(pl.Series(ids))
    assert distinct.tolist() == list(dict.fromkeys(ids))
    assert [distinct[code] for code in codes] == ids


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1), st.booleans())
def test_time_order_is_the_stable_sort(rows, as_floats):
    codes = np.array([row[0] for row in rows])
    times = np.array([row[1] for row in rows], dtype=np.float64 if as_floats else np.int64)
    assert time_order(codes, times).tolist() == sorted(range(len(rows)), key=lambda i: rows[i])


def test_time_order_without_times_keeps_each_code_in_its_own_order():
    assert time_order(np.array([1, 0, 1, 0]), None).tolist() == [1, 3, 0, 2]


def test_time_order_of_times_too_wide_for_one_key():
    times = np.array([2**62, 0, 2**62, 5])
    assert time_order(np.array([3, 3, 0, 0]), times).tolist() == [3, 2, 1, 0]


def test_time_order_of_nothing():
    assert time_order(np.empty(0, np.int32), np.empty(0)).tolist() == []


@given(ID_LISTS.filter(bool), st.data())
def test_places_agree_with_a_dict(ids, data):
    distinct = list(dict.fromkeys(ids))
    asked = data.draw(st.lists(st.sampled_from([*distinct, None]), min_size=1))
    array = np.empty(len(distinct), dtype=object)
    array[:] = distinct
    where = {value: place for place, value in enumerate(distinct)}
    assert IdIndex(array).places(asked).tolist() == [where.get(value, -1) for value in asked]


def test_unknown_ids_have_no_place():
    index = IdIndex(np.array([5, 3, 9]))
    assert index.places([1, 3, 4, 9, 10]).tolist() == [-1, 1, -1, 2, -1]
    assert index.places(np.array([9, 5], dtype=np.uint16)).tolist() == [2, 0]
    assert IdIndex(np.empty(0, dtype=np.int64)).places([1]).tolist() == [-1]


def test_ids_of_another_kind_are_an_error():
    with pytest.raises(SchemaError, match=r"integers, as in the data; received strings.*'12'"):
        IdIndex(np.array([12])).places(["12"])
    with pytest.raises(SchemaError, match="ids of one type"):
        IdIndex(np.array([12])).places(np.array([12, "a"], dtype=object))


@given(ID_LISTS.filter(bool), st.data())
def test_many_ids_are_looked_up_as_a_few_are(ids, data):
    known = list(dict.fromkeys(ids))
    asked = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=5))
    index = IdIndex(pl.Series(known).to_numpy())
    assert index.places(asked * 70).tolist() == index.places(asked).tolist() * 70

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import DataError
from shortlist.ids import IdMap, as_ids, filler, flatten

scalar = st.one_of(st.integers(), st.text(), st.binary(), st.none(), st.booleans())
an_id = st.one_of(scalar, st.tuples(scalar, scalar))


@given(st.lists(an_id))
def test_as_ids_changes_no_id(values):
    array = as_ids(values)
    assert array.shape == (len(values),)
    assert [(type(a), a) for a in array.tolist()] == [(type(v), v) for v in values]


@given(st.lists(st.lists(an_id, max_size=4), max_size=5))
def test_flatten_keeps_ids_and_their_rows(rows):
    flat, owners = flatten(rows)
    back = [[] for _ in rows]
    for value, owner in zip(flat.tolist(), owners.tolist(), strict=True):
        back[owner].append(value)
    assert back == rows


@given(st.sets(st.one_of(st.integers(), st.text())), st.lists(st.one_of(st.integers(), st.text())))
def test_id_map_is_a_dictionary(known, asked):
    known = list(known)
    expected = [known.index(value) if value in known else -1 for value in asked]
    assert IdMap(known).of(asked).tolist() == expected


near = st.sets(st.integers(-50, 50), min_size=1)
far = st.sets(st.one_of(st.integers(-(2**63), -(2**63) + 3), st.integers(2**63 - 4, 2**63 - 1)))


@given(st.one_of(near, far), st.lists(st.one_of(near, far)), st.sampled_from([np.int64, np.int32]))
def test_many_integers_are_looked_up_like_one(known, asked, dtype):
    known = [int(value) for value in known]
    limits = np.iinfo(dtype)
    flat = [v for part in asked for v in part if limits.min <= v <= limits.max] * 20
    positions = IdMap(known)
    expected = [known.index(value) if value in known else -1 for value in flat]
    assert positions.of(np.array(flat, dtype=dtype)).tolist() == expected
    positions.put([7], np.array([70]))
    assert positions.of(np.full(200, 7)).tolist() == [70] * 200
    positions.drop([7])
    assert positions.of(np.full(200, 7)).tolist() == [-1] * 200


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.int8])
def test_integers_of_other_widths(dtype):
    array = np.array([0, 3, 100], dtype=dtype)
    assert IdMap([3, 100, 90]).of(array).tolist() == [-1, 0, 1]
    assert IdMap([-3, 3, 1000]).of(array).tolist() == [-1, 1, -1]


def test_id_map_grows_moves_and_shrinks():
    positions = IdMap(np.array([10, 20]))
    positions.put([20, 30], np.array([5, 6]))
    positions.drop([10, 99])
    assert positions.of([10, 20, 30]).tolist() == [-1, 5, 6]
    assert len(positions) == 2
    assert 20 in positions


def test_numpy_and_python_ids_are_the_same():
    assert IdMap(np.array(["a", "b"])).of(pl.Series(["b", "c"])).tolist() == [1, -1]
    assert IdMap([1, 2]).of(np.array([2, 3], dtype=np.int32)).tolist() == [1, -1]


def test_nulls_do_not_make_floats_of_integers():
    assert as_ids(pl.Series([1, None])).tolist() == [1, None]
    assert type(as_ids(pl.Series([1, None])).tolist()[0]) is int


def test_arrays_pass_through():
    array = np.array([3, 1], dtype=np.int32)
    assert as_ids(array) is array
    assert as_ids([np.int32(3)]).dtype == np.int32


@pytest.mark.parametrize("wrong", ["abc", b"abc", 7, np.zeros((2, 2)), None])
def test_what_is_not_a_list_of_ids_is_refused(wrong):
    with pytest.raises(DataError, match="ids"):
        as_ids(wrong)


def test_duplicates_and_unhashable_ids_are_named():
    with pytest.raises(DataError, match="'a' stands in row 0 and again in row 2"):
        IdMap(["a", "b", "a"])
    with pytest.raises(DataError, match="hashable"):
        IdMap([[1], [2]])


@pytest.mark.parametrize(("dtype", "expected"), [("int32", -1), ("U3", ""), ("O", None)])
def test_filler_is_of_the_kind_of_the_ids(dtype, expected):
    assert filler(np.dtype(dtype)).tolist() == [expected]
    assert filler(np.dtype(dtype)).dtype == dtype

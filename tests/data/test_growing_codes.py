"""Codes of a stream are those of the whole column at once."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data import growing_codes
from shortlist.data.codes import first_appearance
from shortlist.data.growing_codes import GrowingCodes
from shortlist.errors import DataError


def check(blocks: list[pl.Series]) -> GrowingCodes:
    growing = GrowingCodes()
    found, fresh = [], []
    for block in blocks:
        found.append(growing.encode(block))
        fresh += growing.fresh.to_list()
    distinct, codes = first_appearance(pl.concat(blocks))
    np.testing.assert_array_equal(np.concatenate(found), codes + 1)
    assert fresh == distinct.tolist()
    assert len(growing) == len(distinct)
    return growing


ids = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 9), min_size=1),
    st.lists(st.text(max_size=3), min_size=1),
    st.lists(st.binary(max_size=3), min_size=1),
)


@given(ids, st.integers(1, 5))
def test_blocks_of_any_ids(values, parts):
    whole = pl.Series(values)
    size = -(-len(whole) // parts)
    check([whole.slice(i * size, size) for i in range(parts) if i * size < len(whole)])


@pytest.mark.parametrize("text", [False, True])
def test_many_ids_through_several_growths_and_full_tables(monkeypatch, text):
    monkeypatch.setattr(growing_codes, "_SMALLEST", 4)
    monkeypatch.setattr(growing_codes, "_BLOCK", 100)
    monkeypatch.setattr(growing_codes, "_FULL", 0.95)
    draw = np.random.default_rng(0)
    blocks = [pl.Series("x", draw.integers(0, 9_000, 3_000) * 977 - 10**6) for _ in range(6)]
    check([block.cast(pl.String) if text else block for block in blocks])


def test_ids_that_share_a_slot_are_told_apart(monkeypatch):
    monkeypatch.setattr(GrowingCodes, "_homes", lambda _, keys: np.zeros(len(keys), dtype=np.int64))
    check([pl.Series([3, 1, 3, 2, 1]), pl.Series([9, 2, 9, 1])])
    check([pl.Series(["c", "a", "c"]), pl.Series(["z", "a", "z"])])


def test_text_is_compared_by_both_hashes():
    growing = GrowingCodes.of(pl.Series(["a", "b"]))
    # As if "c" had the first hash of "a": its second one is another.
    keys, checks = map(np.array, growing._hashed(pl.Series(["a", "c"])))
    keys[1] = keys[0]
    codes = np.empty(2, dtype=np.int32)
    growing._encode(keys, checks, codes)
    assert codes.tolist() == [1, 3]


def test_going_on_from_known_ids():
    growing = GrowingCodes.of(pl.Series([7, 5]))
    assert growing.encode(pl.Series([5, 6, 7])).tolist() == [2, 3, 1]
    assert growing.fresh.to_list() == [6]
    assert growing.encode(pl.Series([], dtype=pl.Int64)).tolist() == []
    assert growing.fresh.to_list() == []


def test_another_type_is_refused():
    growing = GrowingCodes.of(pl.Series([7, 5]))
    with pytest.raises(DataError, match="type Int64, as before; received String"):
        growing.encode(pl.Series(["7"]))


def test_more_ids_than_codes_are_refused():
    growing = GrowingCodes.of(pl.Series([7, 5]))
    growing._count = 2**31 - 2
    with pytest.raises(DataError, match="fewer than 2\\^31"):
        growing.encode(pl.Series([1]))

"""Codes first, padding last, and nothing unknown in between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.features.padding import pad

rows_of_codes = st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=6)


@settings(deadline=None)
@given(rows_of_codes, st.integers(1, 4), st.sampled_from(["first", "last"]))
def test_pad_agrees_with_plain_python(rows, length, keep):
    expected = []
    for row in rows:
        known = [code for code in row if code]
        kept = known[:length] if keep == "first" else known[-length:]
        expected.append(kept + [0] * (length - len(kept)))
    codes = np.array([code for row in rows for code in row], dtype=np.int32)
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    padded = pad(codes, lengths, length, keep)
    assert padded.dtype == np.int32
    assert padded.shape == (len(rows), length)
    assert padded.tolist() == expected


@pytest.mark.parametrize("keep", ["first", "last"])
def test_unknown_codes_take_no_place(keep):
    codes, lengths = np.array([0, 1, 0, 2]), np.array([4])
    assert pad(codes, lengths, 2, keep).tolist() == [[1, 2]]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data import unique_codes
from shortlist.data.unique import unique_sizes
from shortlist.errors import ConfigError, DataError

CODES = st.lists(st.integers(0, 9), min_size=1, max_size=40).map(np.array)


@given(CODES, st.sampled_from([[16], [4, 8, 16], [10, 40]]))
def test_the_parts_describe_the_batch(codes, sizes):
    found = unique_codes(codes, sizes)
    distinct = sorted(set(codes.tolist()))
    n = len(distinct)
    assert len(found.codes) == min(size for size in sizes if size >= n)
    assert found.codes[:n].tolist() == distinct
    np.testing.assert_array_equal(found.codes[found.inverse], codes)
    np.testing.assert_array_equal(codes[found.first[:n]], found.codes[:n])
    assert found.counts[:n].tolist() == [codes.tolist().count(code) for code in distinct]
    assert found.counts.sum() == len(codes)
    for part in (found.codes, found.first, found.counts):
        assert part[n:].tolist() == [0] * (len(part) - n)


def test_kinds_of_codes():
    assert unique_codes(np.array([3, 3], dtype=np.uint16), [2]).codes.dtype == np.uint16
    assert unique_codes(np.array([3, 3], dtype=np.int32), [2]).inverse.dtype == np.int32
    with pytest.raises(DataError, match="flat array of integer codes; received float64"):
        unique_codes(np.array([1.0]), [1])
    with pytest.raises(DataError, match=r"received int64 \(1, 2\)"):
        unique_codes(np.array([[1, 2]]), [2])


def test_no_size_fits():
    with pytest.raises(ConfigError, match=r"size of 3 or more; received \[1, 2\]"):
        unique_codes(np.array([1, 2, 3]), [1, 2])


@given(st.integers(1, 10_000))
def test_default_sizes_are_few_ascending_and_reach_the_batch(batch_size):
    sizes = unique_sizes(batch_size)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == batch_size
    assert len(sizes) <= 16

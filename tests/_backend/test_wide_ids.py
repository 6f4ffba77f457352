from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist._backend.trainer.wide_ids import WideIds

pytestmark = pytest.mark.backend


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_what_fits_stays_and_what_does_not_becomes_negative(values):
    wide = np.array(values)
    ids = WideIds()
    narrow = ids.narrow({"id": wide})["id"]
    assert narrow.dtype == np.int32
    fits = (wide >= -(2**31)) & (wide < 2**31)
    np.testing.assert_array_equal(narrow[fits], wide[fits])
    assert (narrow[~fits] < 0).all()


def test_the_original_is_known_for_two_batches():
    ids = WideIds()
    (folded,) = ids.narrow({"id": np.array([2**40])})["id"]
    assert ids.original(int(folded)) == 2**40
    ids.narrow({"id": np.array([1])})
    assert ids.original(int(folded)) == 2**40
    ids.narrow({"id": np.array([1])})
    assert ids.original(int(folded)) == folded


@pytest.mark.parametrize("dtype", ["uint32", "uint64"])
def test_unsigned(dtype):
    ids = WideIds()
    narrow = ids.narrow({"id": np.array([5, 2**31 + 7], dtype)})["id"]
    assert narrow[0] == 5
    assert narrow[1] < 0


def test_other_arrays_are_left_alone():
    batch = {"x": np.ones(2, "float32"), "i": np.ones(2, "int32"), "n": None}
    narrowed = WideIds().narrow(batch)
    assert all(narrowed[name] is batch[name] for name in batch)

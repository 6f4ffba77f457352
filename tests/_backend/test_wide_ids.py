from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist._backend.trainer.wide_ids import WideIds, refuse_wide
from shortlist.data import Batches
from shortlist.errors import DataError
from shortlist.training import BatchDataset

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


def test_over_several_devices_a_wide_integer_is_refused():
    narrow = {"id": np.array([2**31 - 1, -(2**31)]), "score": np.array([1e12, 0])}
    wide = narrow | {"time": np.array([1, 2**40])}
    refuse_wide(wide)  # one device: each batch is narrowed, and what was wide is known
    if keras.backend.backend() != "jax":
        return
    with keras.distribution.DataParallel(devices=["cpu:0"], auto_shard_dataset=False).scope():
        refuse_wide(narrow)
        with pytest.raises(DataError, match=r"'time' expected integers of 32 bits.* 1099511627776"):
            refuse_wide(wide)
        with pytest.raises(DataError, match="'time' expected"):
            BatchDataset(Batches(wide, 2))[0]

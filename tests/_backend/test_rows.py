from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from shortlist._backend.rows import native
from shortlist._backend.rows.lookups import OutOfRange, active_tape, recording

pytestmark = pytest.mark.backend

SIZE, WIDTH, COUNT = 6, 3, 8


def variable():
    return keras.Variable(np.arange(SIZE * WIDTH, dtype="float32").reshape(SIZE, WIDTH))


def numpy(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("size", [SIZE, 1000])
@given(data=st.data())
def test_sums_of_repeated_ids_written_back_are_those_of_add_at(size, data):
    # The id `size` stands for a lookup that updates nothing.
    ids = data.draw(
        st.lists(
            st.sampled_from([0, 1, 2, 3, size - 2, size - 1, size]),
            min_size=COUNT,
            max_size=COUNT,
        )
    )
    gradients = np.random.default_rng(0).normal(size=(COUNT, WIDTH)).astype("float32")
    distinct, sums = native.sum_repeated(
        ops.convert_to_tensor(ids, "int32"), ops.convert_to_tensor(gradients), size
    )
    distinct, sums = numpy(distinct), numpy(sums)
    assert len(set(distinct.tolist())) == len(distinct)
    found = np.zeros((size, WIDTH))
    inside = distinct < size
    found[distinct[inside]] = sums[inside]
    expected = np.zeros((size + 1, WIDTH))
    np.add.at(expected, ids, gradients.astype("float64"))
    np.testing.assert_allclose(found, expected[:size], rtol=1e-5, atol=1e-6)


def test_sum_of_no_id_at_all():
    distinct, sums = native.sum_repeated(
        ops.zeros((0,), "int32"), ops.zeros((0, WIDTH), "float32"), SIZE
    )
    assert distinct.shape[0] == 0
    assert sums.shape[0] == 0


def test_gather_and_write_are_inverse():
    table = variable()
    before = numpy(table.value).copy()
    ids = ops.convert_to_tensor([1, 4], "int32")
    rows = native.gather(table, ids)
    np.testing.assert_array_equal(numpy(rows), before[[1, 4]])
    native.write(table, ids, rows + 1.0)
    expected = before.copy()
    expected[[1, 4]] += 1
    np.testing.assert_array_equal(numpy(table.value), expected)


@pytest.mark.parametrize("bad", [-1, SIZE, SIZE + 100])
def test_known_ids_out_of_range_raise_with_the_value(bad):
    ids = ops.convert_to_tensor([[0, 1], [bad, 2]], "int32")
    with pytest.raises(OutOfRange) as caught:
        native.outside(ids, SIZE)
    assert caught.value.value == bad


def test_ids_in_range_are_silent():
    assert native.outside(ops.convert_to_tensor([0, SIZE - 1], "int32"), SIZE) is None
    assert native.outside(ops.zeros((0,), "int32"), SIZE) is None


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
def test_integers_keep_their_values(dtype):
    if dtype in {"int64", "uint32"} and keras.backend.backend() == "jax":
        pytest.skip("JAX has no integers of 64 bits unless they are enabled")
    ids = native.integers(ops.convert_to_tensor(np.array([0, 5], dtype)))
    assert keras.backend.standardize_dtype(ids.dtype) in {"int32", "int64"}
    np.testing.assert_array_equal(numpy(ids), [0, 5])


def test_one_tape_is_active_at_a_time():
    outer, inner = native.Tape([]), native.Tape([])
    assert active_tape() is None
    with recording(outer):
        with recording(inner):
            assert active_tape() is inner
        assert active_tape() is outer
    assert active_tape() is None

"""What is written comes back the same; what cannot be is refused by name."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shortlist.bundle.formats import (
    decode_json,
    encode_json,
    read_arrays,
    read_table,
    write_arrays,
    write_table,
)
from shortlist.errors import BundleError

text = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
)


@settings(deadline=None)
@given(values)
def test_json_round_trip(value):
    assert decode_json(encode_json(value, "x.json"), "x.json") == value


@pytest.mark.parametrize(
    "value",
    [math.nan, [math.inf], {1: 2}, {"a": {None: 1}}, np.float32(1), b"x", {1, 2}, "\ud800"],
)
def test_json_refuses_what_would_not_come_back(value):
    with pytest.raises(BundleError, match=r"x\.json"):
        encode_json(value, "x.json")


def test_json_refuses_what_holds_itself():
    value = []
    value.append(value)
    with pytest.raises(BundleError):
        encode_json(value, "x.json")


@pytest.mark.parametrize("data", [b"", b"NaN", b"[Infinity]", b'{"a":1,"a":2}', b"\xff", b"1 2"])
def test_json_that_is_not_strict_is_refused(data):
    with pytest.raises(BundleError, match=r"x\.json is not valid JSON"):
        decode_json(data, "x.json")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int64).reshape(2, 3).T,
        np.arange(10, dtype=np.float32)[::3],
        np.float64(3.5) * np.ones(()),
        np.zeros((0, 4), dtype=np.float16),
        np.array([True, False]),
        np.arange(4, dtype=">i4"),
        np.broadcast_to(np.float32(2), (3, 2)),
    ],
)
def test_arrays_round_trip(tmp_path, array):
    write_arrays(tmp_path / "a.safetensors", {"x": array, "y/z": array})
    found = read_arrays(tmp_path / "a.safetensors")
    assert set(found) == {"x", "y/z"}
    np.testing.assert_array_equal(found["x"], array)
    assert found["x"].shape == array.shape
    assert found["x"].dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([object()]), np.array([1j])])
def test_arrays_that_hold_no_numbers_are_refused(tmp_path, array):
    with pytest.raises(BundleError, match="array 'x' has dtype"):
        write_arrays(tmp_path / "a.safetensors", {"x": array})


def test_a_damaged_array_file_is_a_bundle_error(tmp_path):
    for content in (b"", b"\x08\0\0\0\0\0\0\0nonsense", b"\xff" * 8):
        (tmp_path / "a.safetensors").write_bytes(content)
        with pytest.raises(BundleError, match="not a valid safetensors file"):
            read_arrays(tmp_path / "a.safetensors")


def test_tables_keep_the_kind_of_their_ids(tmp_path):
    table = pl.DataFrame(
        {
            "int": [1, -(2**63)],
            "big": pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
            "str": ["a\0", "ünï"],
            "bytes": [b"\xff\0", b""],
            "null": [None, "x"],
        }
    )
    # A file name that polars would take for a pattern.
    path = tmp_path / "t[1]*=.parquet"
    write_table(path, table)
    assert_frame_equal(read_table(path), table)


def test_a_damaged_table_is_a_bundle_error(tmp_path):
    for content in (b"", b"PAR1nonsensePAR1"):
        (tmp_path / "t.parquet").write_bytes(content)
        with pytest.raises(BundleError, match="not a valid Parquet file"):
            read_table(tmp_path / "t.parquet")


def test_arrays_may_be_read_by_whom_other_files_may(tmp_path):
    write_arrays(tmp_path / "a.safetensors", {"x": np.ones(3)})
    (tmp_path / "other").touch()
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode

"""A column comes in many shapes and leaves as one."""

import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from shortlist.errors import DataError
from shortlist.features.series import as_series, flatten, id_kind, ids_of


@pytest.mark.parametrize(
    "values",
    [
        ["a", None, "b"],
        ("a", None, "b"),
        np.array(["a", None, "b"], dtype=object),
        pl.Series(["a", None, "b"]),
        pl.Series(["a", None, "b"], dtype=pl.Categorical),
        pl.Series(["a", None, "b"], dtype=pl.Enum(["b", "a"])),
        pd.Series(["a", None, "b"]),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.Series(["a", np.nan, "b"], dtype=object),
        pa.array(["a", None, "b"]),
        pa.chunked_array([["a", None], ["b"]]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_strings_from_anywhere(values):
    series = as_series(values)
    assert series.dtype == pl.String
    assert series.to_list() == ["a", None, "b"]


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, None], dtype=object),
        pd.Series([1, None], dtype="Int64"),
        np.ma.array([1, 2], mask=[False, True]),
        pa.array([1, None]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_integers_with_missing_values(values):
    assert as_series(values).to_list() == [1, None]


def test_ragged_arrays():
    rows = [np.array([1]), np.array([2, 3])]
    assert as_series(rows).to_list() == [[1], [2, 3]]
    ragged = np.empty(2, dtype=object)
    ragged[:] = rows
    assert as_series(ragged).to_list() == [[1], [2, 3]]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ("abc", "single value into a list"),
        (5, "received 5"),
        (None, "received None"),
        ((x for x in "ab"), "Expected a column"),
        ({1, 2}, "polars says"),
        ([1, None, "a"], r"received int \(1\) and, at place 2, str \('a'\)"),
        ([b"a", "a"], r"bytes \(b'a'\) and, at place 1, str"),
        ([1, True], "int .* bool"),
        (np.array([float("nan"), "a"], dtype=object), "float .* and, at place 1, str"),
        ([[1], ["a"]], "int .* str"),
        ([["a"], [1]], "str .* int"),
        ([[True], [], [5]], "bool .* int"),
        ([[b"a"], ["a"]], "bytes .* str"),
        ([np.array(["a"]), np.array([1])], "str .* int"),
        ([[1], 2], "list .* at place 1, int"),
        ([uuid.UUID(int=1)], r"received UUID objects.*str\(\)"),
        (pd.Series([1, "a"], dtype=object), "polars says"),
        (["a\ud800"], "polars says"),
        ([1, 2**200], "polars says"),
    ],
)
def test_what_is_no_column(values, match):
    with pytest.raises(DataError, match=match):
        as_series(values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 2.5], [1.0, None, 2.5]),
        ([[1], None, [2.5]], [[1.0], None, [2.5]]),
        ([[2], [np.float32(1.5)]], [[2.0], [1.5]]),
        ([np.array([1]), np.array([1.5])], [[1.0], [1.5]]),
        ([np.ones(2, dtype=np.float32)] * 2, [[1.0, 1.0], [1.0, 1.0]]),
        ([pl.Series([1]), pl.Series([1.5])], [[1.0], [1.5]]),
        ([[[1]], [[2.5], []]], [[[1.0]], [[2.5], []]]),
        ([(1, 2), [3]], [[1, 2], [3]]),
        ([[1], [2**64 - 1]], [[1], [2**64 - 1]]),
        ([np.array(["a"]), np.array(["b", None], dtype=object)], [["a"], ["b", None]]),
        ([[], None], [[], None]),
    ],
)
def test_nothing_is_cut_or_turned_into_another_type(values, expected):
    assert as_series(values).to_list() == expected


@pytest.mark.parametrize(
    "lists",
    [
        [["a", "b"], [], None, ["c", None]],
        [[], []],
        [None, []],
        [],
    ],
)
def test_flatten_keeps_order_and_counts(lists):
    entries, lengths = flatten(pl.Series(lists, dtype=pl.List(pl.String)))
    assert entries.to_list() == [entry for row in lists for entry in row or []]
    assert lengths.tolist() == [len(row or []) for row in lists]


def test_flatten_takes_arrays_of_fixed_width():
    entries, lengths = flatten(as_series(np.array([[1, 2], [3, 4]])))
    assert entries.to_list() == [1, 2, 3, 4]
    assert lengths.tolist() == [2, 2]


def test_ids_are_flat_and_without_nulls():
    assert ids_of([[["a"], None], [["b", None]]]).to_list() == ["a", "b"]
    assert ids_of(np.array([3, 1], dtype=np.uint8)).dtype == pl.Int64
    assert ids_of([2**63, 1]).dtype == pl.UInt64
    assert ids_of([1, None, 2**64 - 1]).to_list() == [1, 2**64 - 1]
    assert ids_of([None]).is_empty()


def test_ids_of_more_than_64_bits_are_refused():
    with pytest.raises(DataError, match=f"from -1 to {2**64}.*strings"):
        ids_of([2**64, -1])


@pytest.mark.parametrize(
    ("dtype", "hint"),
    [
        (pl.Float64(), "Int64.*Numeric"),
        (pl.Date(), "Timestamp"),
        (pl.Datetime(), "Timestamp"),
        (pl.List(pl.Int64), "MultiCategorical"),
        (pl.Decimal(10, 2), "received Decimal"),
    ],
)
def test_types_that_are_no_ids(dtype, hint):
    with pytest.raises(DataError, match=hint):
        id_kind(dtype)

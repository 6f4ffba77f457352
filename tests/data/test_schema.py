from __future__ import annotations

import datetime as dt
import decimal

import polars as pl
import pytest

from shortlist.data.schema import canonical, duplicate_rows
from shortlist.errors import DataError, SchemaError

ROLES = {"user": "user", "item": "item", "time": "time"}
GOOD = {"user": [1, 2, 3], "item": [4, 5, 6], "time": [7, 8, 9]}
UTC = dt.UTC


def check(roles=None, **columns):
    return canonical(pl.DataFrame(GOOD | columns), ROLES | (roles or {}))


def test_the_roles_come_first_under_their_names():
    frame = pl.DataFrame({"place": ["x"], "ts": [3], "movie": [2], "who": [1]})
    made = canonical(frame, {"user": "who", "item": "movie", "time": "ts"})
    assert made.equals(pl.DataFrame({"user": [1], "item": [2], "time": [3], "place": ["x"]}))


@pytest.mark.parametrize(
    ("ids", "dtype"),
    [
        (pl.Series([1, 2, 3], dtype=pl.UInt8), pl.Int64),
        (pl.Series([1.0, 2.0, 3.0]), pl.Int64),
        (pl.Series(["1", "2", "3"], dtype=pl.Decimal(38, 0)), pl.Int64),
        (pl.Series(["a", "b", "a"], dtype=pl.Categorical), pl.String),
        (pl.Series([b"a", b"b", b"a"]), pl.Binary),
    ],
)
def test_kinds_of_ids(ids, dtype):
    assert check(user=ids)["user"].dtype == dtype


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([1, None, None], DataError, r"row 1 \(one of 2 such rows\) holds null"),
        ([1.0, 2.0, float("nan")], DataError, "row 2 holds null"),
        ([1.0, 2.5, 3.0], DataError, "row 1 holds the number 2.5"),
        ([1.0, 2.0, 1e18], DataError, "row 2 holds the number 1e"),
        (pl.Series([1, 2, 2**63], dtype=pl.UInt64), DataError, "row 2 holds 9223372036854775808"),
        ([True, False, True], SchemaError, "received Boolean"),
        ([[1], [2], [3]], SchemaError, r"received List\(Int64\)"),
        ([decimal.Decimal("1.5")] * 3, SchemaError, "received Decimal"),
    ],
)
def test_ids_that_cannot_be_used(ids, error, message):
    with pytest.raises(error, match=r"Column 'item' \(the items' ids\)") as caught:
        check(item=ids)
    assert caught.match(message)


@pytest.mark.parametrize(
    ("times", "expected", "dtype"),
    [
        ([7, 8, 9], [7, 8, 9], pl.Int64),
        ([7.0, 8.0, 9.0], [7, 8, 9], pl.Int64),
        ([7.0, 8.25, 9.0], [7.0, 8.25, 9.0], pl.Float64),
        ([dt.date(1970, 1, 2)] * 3, [86400] * 3, pl.Int64),
        ([dt.datetime(1970, 1, 1, 0, 1)] * 3, [60] * 3, pl.Int64),
        ([dt.datetime(1970, 1, 1, 0, 1, 0, 500_000)] * 3, [60.5] * 3, pl.Float64),
        ([dt.datetime(1970, 1, 1, 0, 1, tzinfo=UTC)] * 3, [60] * 3, pl.Int64),
        (["1970-01-01T02:00:00+02:00"] * 3, [0] * 3, pl.Int64),
        (["1970-01-01T02:00:00Z"] * 3, [7200] * 3, pl.Int64),
        (["1970-01-02"] * 3, [86400] * 3, pl.Int64),
        (["1970-01-01 00:00:05"] * 3, [5] * 3, pl.Int64),
        ([decimal.Decimal("1.5")] * 3, [1.5] * 3, pl.Float64),
    ],
)  # fmt: skip
def test_kinds_of_times(times, expected, dtype):
    made = check(time=times)["time"]
    assert made.to_list() == expected
    assert made.dtype == dtype


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_seconds_come_from_every_unit(unit):
    times = pl.Series([dt.datetime(2001, 9, 9, 1, 46, 40)] * 3).cast(pl.Datetime(unit))
    assert check(time=times)["time"].to_list() == [10**9] * 3


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        ([7, None, 9], DataError, "row 1 holds null"),
        ([7.0, float("nan"), 9.0], DataError, "row 1 holds nan"),
        ([7.0, float("inf"), 9.0], DataError, "row 1 holds inf"),
        ([7, -1, -2], DataError, r"row 1 \(one of 2 such rows\) holds -1"),
        ([dt.datetime(1969, 1, 1)] * 3, DataError, "0 or more .*row 0"),
        (["2020-01-01", "soon", "2020-01-01"], DataError, "row 1 holds 'soon'"),
        (["a", "b", "c"], DataError, "row 0 .* holds 'a'"),
        ([True, True, False], SchemaError, "received Boolean"),
        ([dt.timedelta(1)] * 3, SchemaError, "received Duration"),
    ],
)
def test_times_that_cannot_be_used(times, error, message):
    with pytest.raises(error, match="Column 'time'") as caught:
        check(time=times)
    assert caught.match(message)


@pytest.mark.parametrize("role", ["rating", "weight"])
def test_ratings_and_weights_become_float32(role):
    assert check({role: "x"}, x=[1, 2, 3])[role].dtype == pl.Float32
    assert check({role: "x"}, x=[True, False, True])[role].to_list() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("role", ["rating", "weight"])
@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([1.0, float("nan"), 2.0], DataError, "row 1 holds nan"),
        ([1.0, 2.0, float("-inf")], DataError, "row 2 holds -inf"),
        ([1.0, None, 2.0], DataError, "row 1 holds null"),
        (["a", "b", "c"], SchemaError, "received String"),
    ],
)
def test_ratings_and_weights_that_cannot_be_used(role, values, error, message):
    with pytest.raises(error, match="Column 'x'") as caught:
        check({role: "x"}, x=values)
    assert caught.match(message)


def test_weights_are_not_negative_but_ratings_may_be():
    assert check({"rating": "x"}, x=[-1.0, 0.0, 1.0])["rating"].to_list() == [-1.0, 0.0, 1.0]
    with pytest.raises(DataError, match="weights of 0 or more; row 0 holds -1"):
        check({"weight": "x"}, x=[-1.0, 0.0, 1.0])


def test_a_missing_column_names_what_was_found_and_the_nearest():
    frame = pl.DataFrame({"userId": [1], "item": [2], "time": [3]})
    with pytest.raises(SchemaError) as caught:
        canonical(frame, ROLES)
    assert str(caught.value) == (
        "Expected a column 'user' (the users' ids); found the columns ['userId', 'item', 'time']. "
        "Did you mean 'userId'? Say which column it is: Interactions(source, user='userId')."
    )
    with pytest.raises(SchemaError, match="pass time=None where there is none"):
        canonical(frame, {"user": "userId", "item": "item", "time": "time_of_day"})


def test_columns_that_would_be_mistaken_for_another():
    with pytest.raises(SchemaError, match=r"has a column 'item'.* but item='movie' was given"):
        check({"item": "movie"}, movie=[1, 2, 3])
    with pytest.raises(SchemaError, match=r"has a column 'time'.* but time=None was given"):
        canonical(pl.DataFrame(GOOD), {"user": "user", "item": "item"})
    with pytest.raises(SchemaError, match=r"'user' was given for \['user', 'item'\]"):
        canonical(pl.DataFrame(GOOD), ROLES | {"item": "user"})


def test_a_table_without_rows():
    with pytest.raises(DataError, match="at least one interaction"):
        canonical(pl.DataFrame(GOOD)[:0], ROLES)


def test_duplicates_are_rows_that_repeat_in_every_column():
    frame = pl.DataFrame({"a": [1, 1, 1, 2, 1], "b": [[1], [2], [1], [1], [1]]})
    assert duplicate_rows(frame).tolist() == [2, 4]
    assert duplicate_rows(frame[:2]).tolist() == []

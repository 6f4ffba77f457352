"""Parts of a moment agree with the calendar, in every form a moment may come in."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.features import FeatureInfo, Timestamp

ALL = ["hour", "weekday", "month", "day_of_year"]
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))


def codes(values, parts=ALL):
    return Timestamp("t", parts=parts, encoding="codes").bind({}).transform(pl.Series(values))


@settings(deadline=None)
@given(st.lists(moments, min_size=1, max_size=5), st.sampled_from(["ms", "us", "ns"]))
def test_parts_agree_with_the_calendar(values, unit):
    found = codes(pl.Series(values).cast(pl.Datetime(unit)))
    expected = [
        [
            1 + moment.hour,
            1 + 24 + moment.weekday(),
            1 + 24 + 7 + moment.month - 1,
            1 + 24 + 7 + 12 + moment.timetuple().tm_yday - 1,
        ]
        for moment in values
    ]
    assert found.tolist() == expected
    seconds = [moment.replace(tzinfo=UTC).timestamp() for moment in values]
    assert codes(seconds).tolist() == expected


def test_time_zones_are_taken_to_utc():
    paris = timezone(timedelta(hours=1))
    moment = pl.Series([datetime(2024, 1, 1, 0, 30, tzinfo=paris)])
    assert codes(moment, ["hour"]).tolist() == [[24]]


def test_dates_and_missing_moments():
    feature = Timestamp("t", parts=ALL, encoding="codes").bind({})
    assert feature.info == FeatureInfo("multi", size=1 + 24 + 7 + 12 + 366, length=4)
    assert codes([date(1970, 1, 1), None]).tolist() == [[1, 28, 32, 44], [0, 0, 0, 0]]
    assert codes([None]).tolist() == [[0, 0, 0, 0]]
    assert codes([0.0, float("nan")], ["weekday"]).tolist() == [[4], [0]]


def test_cycles():
    feature = Timestamp("t", parts=["hour"]).bind({})
    assert feature.info == FeatureInfo("vector", dim=2)
    found = feature.transform(pl.Series([0, 6 * 3600, 12 * 3600 + 59, None]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0, 1], [1, 0], [0, -1], [0, 0]], atol=1e-6)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2 * 10**9), min_size=1))
def test_cycles_lie_on_circles(seconds):
    found = Timestamp("t", parts=ALL).bind({}).transform(pl.Series(seconds))
    assert found.shape == (len(seconds), 8)
    np.testing.assert_allclose(np.hypot(found[:, ::2], found[:, 1::2]), 1, rtol=1e-6)


def test_age_is_0_from_the_latest_training_moment_on():
    day = 86_400
    spec = Timestamp("t", parts=["age"])
    state = spec.learn(pl.Series([0, 3 * day, None]))
    feature = spec.bind(state)
    assert feature.info == FeatureInfo("vector", dim=1)
    found = feature.transform(pl.Series([0, 3 * day, 9 * day, None]))
    np.testing.assert_allclose(found[:, 0], [np.log(4), 0, 0, np.log(4) / 2], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (["2024-01-01"], "received String"),
        (pl.Series([0]).cast(pl.Time), "received Time"),
        ([1.7e12], "row 0 has 1700000000000.*milliseconds"),
        ([float("inf")], "finite"),
    ],
)
def test_what_is_no_moment(values, match):
    with pytest.raises(DataError, match=match):
        codes(values)


def test_age_needs_a_moment():
    with pytest.raises(DataError, match="every value is missing"):
        Timestamp("t", parts=["age"]).learn(pl.Series([None, None]))


@pytest.mark.parametrize(
    "options",
    [
        {"parts": ["minute"]},
        {"parts": []},
        {"parts": ["hour", "hour"]},
        {"encoding": "one-hot"},
        {"parts": ["age"], "encoding": "codes"},
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match=r"parts|encoding"):
        Timestamp("t", **options)

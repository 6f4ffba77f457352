"""Numbers are scaled or cut by what training data said; what is missing has a place."""

from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.errors import ConfigError, DataError
from shortlist.features import FeatureInfo, Numeric

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


def fitted(spec, train):
    return spec.bind(spec.learn(pl.Series(train)))


@settings(deadline=None)
@given(numbers)
def test_standardized_training_data_has_mean_0_and_deviation_1(values):
    feature = fitted(Numeric("x"), values)
    found = feature.transform(pl.Series(values))
    assert found.dtype == np.float32
    assert abs(found.mean()) < 1e-3
    assert found.std() == pytest.approx(1, abs=1e-3) or np.std(values) <= 1e-9 * max(
        map(abs, values)
    )


def test_closed_forms():
    assert fitted(Numeric("x"), [1, 3, None]).transform(pl.Series([5, None])).tolist() == [3, 0]
    feature = fitted(Numeric("x", transform=None), [1.0, 3.0])
    assert feature.info == FeatureInfo("numeric")
    assert feature.transform(pl.Series([7.5, None, float("nan")])).tolist() == [7.5, 2, 2]
    bent = [np.log(2), -np.log(2)]
    assert fitted(Numeric("x", transform="log"), [1, -1]).transform(
        pl.Series([np.e**2 - 1])
    ).tolist() == [pytest.approx(2 / np.std(bent))]


@pytest.mark.parametrize("value", [0, 0.1, 1e9 / 3, -7])
def test_a_constant_column_becomes_0(value):
    assert fitted(Numeric("x"), [value] * 7).transform(pl.Series([value])) == pytest.approx(0)


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([1, 0], dtype=pl.UInt8),
        pl.Series([True, False]),
        pl.Series([Decimal("1.0"), Decimal("0.0")]),
        pl.Series([1.0, 0.0], dtype=pl.Float32),
    ],
)
def test_every_type_of_number(column):
    feature = Numeric("x").bind({"mean": 0.5, "scale": 0.5})
    assert feature.transform(column).tolist() == [1, -1]


def test_a_column_of_nulls_is_all_missing():
    feature = Numeric("x").bind({"mean": 0.5, "scale": 0.5})
    assert feature.transform(pl.Series([None, None])).tolist() == [0, 0]


def test_given_edges():
    spec = Numeric("age", transform="bucketize", buckets=[18, 30.5])
    assert not spec.learns
    feature = fitted(spec, [])
    assert feature.info == FeatureInfo("categorical", size=4)
    codes = feature.transform(pl.Series([17.9, 18, 30.5, None, float("nan"), -1]))
    assert codes.dtype == np.int32
    assert codes.tolist() == [1, 2, 3, 0, 0, 1]


def test_quantile_edges():
    feature = fitted(Numeric("x", transform="bucketize", buckets=2), [1, 2, 3, 4, None])
    assert feature.info.size == 3
    assert feature.transform(pl.Series([1, 2, 3, 4])).tolist() == [1, 1, 2, 2]


@settings(deadline=None)
@given(numbers, st.integers(2, 12))
def test_every_bucket_is_used_in_training(values, buckets):
    feature = fitted(Numeric("x", transform="bucketize", buckets=buckets), values)
    codes = feature.transform(pl.Series(values))
    assert set(codes.tolist()) == set(range(1, feature.info.size))
    assert feature.info.size <= buckets + 1
    # Larger numbers never have a smaller code.
    assert (np.diff(codes[np.argsort(values)]) >= 0).all()


def test_buckets_of_distinct_numbers_hold_equally_many():
    values = np.random.default_rng(0).permutation(100)
    feature = fitted(Numeric("x", transform="bucketize", buckets=10), values)
    assert np.bincount(feature.transform(pl.Series(values)))[1:].tolist() == [10] * 10


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (["1"], "String"),
        ([[1.0]], "List"),
        ([1.0, float("inf")], "row 1 has inf"),
        ([1e308, 1.7e308], "too large"),
        ([None, float("nan")], "every value is missing"),
    ],
)
def test_columns_that_cannot_be_learned_from(values, match):
    with pytest.raises(DataError, match=match):
        Numeric("x").learn(pl.Series(values))


def test_numbers_too_large_for_float32():
    feature = Numeric("x").bind({"mean": 0.0, "scale": 1.0})
    with pytest.raises(DataError, match="row 1 has 1e\\+300"):
        feature.transform(pl.Series([1.0, 1e300]))


def test_times_are_sent_to_timestamp():
    with pytest.raises(DataError, match="Timestamp"):
        Numeric("x").learn(pl.Series([0]).cast(pl.Datetime))


@pytest.mark.parametrize(
    "options",
    [
        {"transform": "scale"},
        {"buckets": 1},
        {"buckets": True},
        {"buckets": []},
        {"buckets": [2, 1]},
        {"buckets": [1, 1]},
        {"buckets": [float("nan")]},
        {"buckets": "ten"},
        {"buckets": None},
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Numeric("x", **options)

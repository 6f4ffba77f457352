"""Every id has a code, and the missing one has 0."""

import numpy as np
import polars as pl
import pytest

from shortlist.errors import ConfigError, DataError
from shortlist.features import FeatureInfo, Hashed


def test_codes_are_in_range_and_repeatable():
    feature = Hashed("device", buckets=5).bind({})
    assert feature.info == FeatureInfo("categorical", size=6)
    ids = pl.Series([f"d{i}" for i in range(200)] + [None])
    codes = feature.transform(ids)
    assert codes.dtype == np.int32
    assert set(codes.tolist()) == {0, 1, 2, 3, 4, 5}
    assert codes[-1] == 0
    np.testing.assert_array_equal(feature.transform(ids[:3]), codes[:3])


def test_missing_columns_and_what_is_no_id():
    feature = Hashed("device", 5).bind({})
    assert feature.transform(pl.Series([None, None])).tolist() == [0, 0]
    with pytest.raises(DataError, match="Float64"):
        feature.transform(pl.Series([1.5]))


def test_options_out_of_range():
    with pytest.raises(ConfigError, match="buckets"):
        Hashed("device", buckets=0)

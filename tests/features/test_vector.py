"""Vectors pass through as they are, once checked."""

import numpy as np
import polars as pl
import pytest

from shortlist.errors import ConfigError, DataError
from shortlist.features import FeatureInfo, Vector

feature = Vector("cover", dim=2).bind({})


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([[1, 2], [3, 4]]),
        pl.Series([[1.0, 2.0], [3.0, 4.0]], dtype=pl.Array(pl.Float64, 2)),
        pl.Series(np.array([[1, 2], [3, 4]], dtype=np.float16)),
    ],
)
def test_every_form(column):
    found = feature.transform(column)
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 2], [3, 4]]


def test_missing_rows_are_zeros():
    assert feature.info == FeatureInfo("vector", dim=2)
    for dtype in (pl.List(pl.Float64), pl.Array(pl.Float32, 2)):
        column = pl.Series([None, [1, 2]], dtype=dtype)
        assert feature.transform(column).tolist() == [[0, 0], [1, 2]]
    assert feature.transform(pl.Series([None, None])).tolist() == [[0, 0], [0, 0]]
    assert feature.transform(pl.Series([], dtype=pl.List(pl.Float64))).shape == (0, 2)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([1.0, 2.0], "received Float64"),
        ([["1", "2"]], "Expected numbers"),
        ([None, [1.0, 2.0], [1.0]], "row 2 has 1"),
        ([[], [1.0, 2.0]], "row 0 has 0"),
        (np.ones((3, 5)), "row 0 has 5"),
        ([[1.0, 2.0], [1.0, None]], "row 1 has nan"),
        ([[1.0, float("inf")]], "row 0 has inf"),
        ([[1.0, 1e300]], "row 0 has inf"),
    ],
)
def test_what_is_no_vector(values, match):
    with pytest.raises(DataError, match=match):
        feature.transform(pl.Series(values))


def test_options_out_of_range():
    with pytest.raises(ConfigError, match="dim"):
        Vector("cover", dim=0)

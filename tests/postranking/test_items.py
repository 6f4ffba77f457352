from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest

from shortlist.errors import DataError, SchemaError
from shortlist.postranking import ItemTable

TABLE = ItemTable(
    pl.DataFrame(
        {
            "item": ["a", "b", "c"],
            "genres": [["x", "y", "x"], [], [None, "z"]],
            "brand": ["one", None, "one"],
            "year": [1990, None, 2000],
            "date": [datetime.date(1970, 1, 2), None, datetime.date(1970, 1, 1)],
            "new": [True, False, None],
        }
    )
)


def test_codes_of_lists_are_distinct_and_padded():
    codes, values = TABLE.codes("genres")
    assert codes.tolist() == [[0, 1], [-1, -1], [2, -1], [-1, -1]]
    assert values == ["x", "y", "z"]
    assert TABLE.codes("brand")[0].tolist() == [[0], [-1], [0], [-1]]


def test_unknown_items_lead_to_the_last_row():
    places = TABLE.places(np.array([["c", "zz"], ["a", "a"]]))
    assert places.tolist() == [[2, -1], [0, 0]]
    assert TABLE.codes("genres")[0][places].tolist()[0] == [[2, -1], [-1, -1]]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("year", [1990, np.nan, 2000, np.nan]),
        ("date", [86400, np.nan, 0, np.nan]),
        ("new", [1, 0, np.nan, np.nan]),
    ],
)
def test_numbers(column, expected):
    np.testing.assert_array_equal(TABLE.numbers(column), expected)


def test_bad_input():
    with pytest.raises(SchemaError, match="Did you mean 'genres'"):
        TABLE.codes("genre")
    with pytest.raises(SchemaError, match="'brand' to hold numbers"):
        TABLE.numbers("brand")
    with pytest.raises(SchemaError, match="column 'item'"):
        ItemTable(pl.DataFrame({"id": [1]}))
    with pytest.raises(DataError, match="again in row 1"):
        ItemTable(pl.DataFrame({"item": [1, 1]}))

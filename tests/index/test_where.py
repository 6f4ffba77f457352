from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.errors import ConfigError, SchemaError
from shortlist.index import Exact, matching

ITEMS = pl.DataFrame(
    {
        "item": ["a", "b", "c", "d"],
        "genre": ["Comedy", "Drama", "Comedy", None],
        "year": [1985, 1994, 2001, None],
        "in_stock": [True, True, False, True],
        "tags": [["x"], ["x", "y"], [], None],
    }
)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('genre == "Comedy"', ["a", "c"]),
        ('genre == "Comedy" and year >= 1990', ["c"]),
        ('genre == "Comedy" and not in_stock', ["c"]),
        ("in_stock or year > 2000", ["a", "b", "c", "d"]),
        ("1990 <= year < 2001", ["b"]),
        ("year > -1", ["a", "b", "c"]),
        ("not year > 1990", ["a"]),
        ('genre in ["Drama", "Horror"]', ["b"]),
        ("year not in (1985, 1994)", ["c"]),
        ('"x" in tags', ["a", "b"]),
        ("not (in_stock or year < 1990)", ["c"]),
        ("year > 3000", []),
    ],
)
def test_the_items_that_meet_the_condition(where, expected):
    assert matching(where, ITEMS).tolist() == expected


@pytest.mark.parametrize(
    "where",
    ["", "year >", "year + 1 > 3", "len(genre) > 1", "__import__('os')", "genre.x == 1",
     "1 == 1", "year is 3", "year > [1]", "year == None", "genre > 3", "year in 3",
     "(" * 500 + "in_stock" + ")" * 500, "in_stock if in_stock else in_stock", "lambda: 1"],
)  # fmt: skip
def test_other_conditions_are_refused(where):
    with pytest.raises(ConfigError):
        matching(where, ITEMS)


def test_a_list_of_several_kinds_is_refused():
    for where in ("year in [1990, 1.5]", 'year in [1990, "x"]'):
        with pytest.raises(ConfigError, match="does not fit the kinds of its columns"):
            matching(where, ITEMS)


def test_a_misspelt_column_is_named():
    with pytest.raises(SchemaError, match="Did you mean 'genre'"):
        matching('gnre == "Comedy"', ITEMS)


@pytest.mark.parametrize("where", ["year", "not genre", '"x" in genre'])
def test_a_column_of_the_wrong_kind(where):
    with pytest.raises(SchemaError):
        matching(where, ITEMS)


def test_search_returns_only_what_matches():
    index = Exact().build(np.eye(4, dtype=np.float32), ITEMS["item"].to_list())
    found = index.search(np.ones((2, 4), dtype=np.float32), k=3, allow=matching("in_stock", ITEMS))
    assert found.lists() == [["a", "b", "d"]] * 2

import polars as pl
import pytest

from shortlist.errors import ConfigError, SchemaError
from shortlist.recommender.columns import specs_of

FRAME = pl.DataFrame(
    {
        "item": [1, 2, 3, 4, 5, 6],
        "title": ["a", "b", "c", "d", "e", "f"],
        "year": [1990.0, 1991.5, 2000.0, 1980.0, None, 1999.0],
        "kind": ["x", "x", "y", "y", "x", "x"],
        "genres": [["a"], ["a", "b"], [], ["b"], ["b"], None],
        "stock": [True, False, True, True, True, False],
    }
)


def names(specs):
    return {spec.name: type(spec).__name__ for spec in specs}


def test_every_usable_column_is_chosen_and_names_are_left_out():
    assert names(specs_of(FRAME, "item")) == {
        "year": "Numeric",
        "kind": "Categorical",
        "genres": "MultiCategorical",
        "stock": "Categorical",
    }


def test_a_named_column_is_used_even_if_its_values_are_all_different():
    assert names(specs_of(FRAME, "item", ["title"])) == {"title": "Categorical"}


def test_a_kind_overrides_the_choice():
    specs = specs_of(FRAME, "item", ["title", "year"], {"title": "text", "year": "log"})
    assert names(specs) == {"title": "Text", "year": "Numeric"}
    assert specs[1].transform == "log"


def test_a_kind_brings_in_a_column_that_would_be_left_out():
    assert "title" in names(specs_of(FRAME, "item", kinds={"title": "text"}))


def test_no_frame_has_no_features():
    assert specs_of(None, "user") == []


def test_errors_name_the_column_and_the_nearest():
    with pytest.raises(SchemaError, match=r"'genre' is not in the file.*Did you mean 'genres'"):
        specs_of(FRAME, "item", ["genre"])
    with pytest.raises(ConfigError, match=r"'year' expected one of .*'bucketise'.*'bucketize'"):
        specs_of(FRAME, "item", kinds={"year": "bucketise"})
    dates = FRAME.with_columns(seen=pl.lit("2020-01-01").str.to_date())
    assert "seen" not in names(specs_of(dates, "item"))
    with pytest.raises(SchemaError, match=r"'seen' has the type Date"):
        specs_of(dates, "item", ["seen"])

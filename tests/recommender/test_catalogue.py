import polars as pl
import pytest

from shortlist.errors import DataError, SchemaError
from shortlist.recommender.catalogue import Catalogue, rows_of

ITEMS = pl.DataFrame(
    {"item": ["a", "b", "c"], "title": ["A", None, "C"], "kinds": [["x"], ["x", "y"], None]}
)


def test_a_change_makes_another_and_leaves_the_first():
    first = Catalogue(ITEMS, "title")
    assert first.titles(["a", "b", "z"]) == ["A", "b", "z"]
    assert first.matching("'x' in kinds").tolist() == ["a", "b"]
    first.table.sets("kinds")
    rows = rows_of([{"item": "d", "kinds": ["z"]}, {"item": "b", "title": "B"}], ITEMS.schema)
    second = first.with_rows(rows)
    assert second.ids.to_list() == ["a", "c", "d", "b"]
    assert second.titles(["b", "d"]) == ["B", "d"]
    assert second.matching("'x' in kinds").tolist() == ["a"]
    third = second.without(rows["item"].to_numpy())
    assert third.ids.to_list() == ["a", "c"]
    assert (len(first), len(second), len(third)) == (3, 4, 2)
    assert first.titles(["b"]) == ["b"]
    # What was in use is ready in the next one.
    assert third.table._sets.keys() == {"kinds"}


def test_rows_take_the_columns_and_types_of_the_catalogue():
    for given in (
        [{"item": "q", "kinds": ["x"]}],
        {"item": ["q"], "kinds": [["x"]]},
        pl.DataFrame({"kinds": [["x"]], "item": ["q"]}),
    ):
        rows = rows_of(given, ITEMS.schema)
        assert rows.schema == ITEMS.schema
        assert rows.rows() == [("q", None, ["x"])]


def test_what_are_no_rows():
    with pytest.raises(SchemaError, match=r"no column 'kind'.*Did you mean 'kinds'"):
        rows_of([{"item": "a", "kind": 1}], ITEMS.schema)
    with pytest.raises(DataError, match="Column 'kinds' of the items expected List"):
        rows_of([{"item": "a", "kinds": 3}], ITEMS.schema)
    with pytest.raises(DataError, match="'a' repeats"):
        rows_of({"item": ["a", "a"]}, ITEMS.schema)

"""Every kind of frame gives the same columns."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from shortlist.errors import DataError, SchemaError
from shortlist.features.columns import columns_of

DATA = {"age": [25, 31], "genres": [["a"], ["b", "c"]]}


@pytest.mark.parametrize(
    "frame",
    [DATA, pl.DataFrame(DATA), pl.LazyFrame(DATA), pd.DataFrame(DATA), pa.table(DATA)],
    ids=lambda frame: type(frame).__module__,
)
def test_every_frame(frame):
    columns = columns_of(frame, ["genres", "age"])
    assert {name: column.to_list() for name, column in columns.items()} == DATA


def test_other_columns_are_not_looked_at():
    frame = pd.DataFrame({"age": [25, 31], "mixed": [1, "a"]})
    assert list(columns_of(frame, ["age"])) == ["age"]


def test_a_missing_column_names_the_nearest():
    for frame in (DATA, pl.DataFrame(DATA), pd.DataFrame(DATA)):
        with pytest.raises(SchemaError, match=r"'genre'.*\['age', 'genres'\].*mean 'genres'"):
            columns_of(frame, ["genre"])


def test_what_is_no_frame():
    with pytest.raises(DataError, match="received list"):
        columns_of([1, 2], ["a"])
    with pytest.raises(DataError, match=r"one length.*'a': 1, 'b': 2"):
        columns_of({"a": [1], "b": [1, 2]}, ["a", "b"])
    with pytest.raises(DataError, match=r"Column 'a': .*list: \[value\]"):
        columns_of({"a": 1}, ["a"])

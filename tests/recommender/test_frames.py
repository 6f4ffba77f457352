import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from shortlist.queries import Queries
from shortlist.recommender.frames import history_column, query_columns


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=6))
def test_the_column_holds_the_rows(rows):
    column = history_column([np.array(row, dtype=np.int64) for row in rows])
    assert column.to_list() == rows


def test_strings_and_all_empty():
    assert history_column([np.array(["b", "a"]), np.array([])]).to_list() == [["b", "a"], []]
    assert history_column([np.array([]), np.array([])]).to_list() == [[], []]


def test_features_stand_beside_user_and_history():
    features = pl.DataFrame({"user": [7], "age": [30]})
    columns = query_columns(Queries.of([7], history=[[1, 2]], features=features))
    assert {name: column.to_list() for name, column in columns.items()} == {
        "user": [7],
        "history": [[1, 2]],
        "age": [30],
    }


def test_many_histories_are_as_few_are():
    rows = [np.arange(n % 4) for n in range(200)]
    assert history_column(rows).to_list() == [row.tolist() for row in rows]
    assert history_column(rows[:9]).to_list() == [row.tolist() for row in rows[:9]]


def test_somebody_without_a_name_stands_beside_the_others():
    assert query_columns(Queries.of([None, 7]))["user"].to_list() == [None, 7]
    assert query_columns(Queries.of([None]))["user"].to_list() == [None]

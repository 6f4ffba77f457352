from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.errors import DataError
from shortlist.queries import Queries


def test_of_keeps_ids_as_they_are():
    queries = Queries.of([1, "b", None], history=[[1, "x"], [], [("shop", 3)]])
    assert queries.users.tolist() == [1, "b", None]
    assert [row.tolist() for row in queries.history] == [[1, "x"], [], [("shop", 3)]]
    assert queries.exclude is None
    assert len(queries) == queries.batch_size == 3


def test_no_history_is_an_empty_one_for_each():
    assert [len(row) for row in Queries.of(["anna", "ben"]).history] == [0, 0]


def test_rows_cuts_every_part():
    queries = Queries.of(
        ["a", "b", "c"],
        history=[[1], [2], [3]],
        features=pl.DataFrame({"age": [10, 20, 30]}),
        exclude=[[4], [5], [6]],
    )
    part = queries.rows(1, 3)
    assert part.users.tolist() == ["b", "c"]
    assert [row.tolist() for row in part.history] == [[2], [3]]
    assert part.features["age"].to_list() == [20, 30]
    assert [row.tolist() for row in part.exclude] == [[5], [6]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"history": [[1]]},
        {"features": pl.DataFrame({"age": [1]})},
        {"exclude": [[1], [2], [3]]},
    ],
)
def test_parts_of_other_lengths_are_refused(wrong):
    with pytest.raises(DataError, match="one length"):
        Queries.of(["a", "b"], **wrong)


def test_a_string_is_no_list_of_items():
    with pytest.raises(DataError, match="Put it in a list"):
        Queries.of(["a"], history=["m1"])
    assert np.asarray(Queries.of(["a"], history=[["m1"]]).history[0]).tolist() == ["m1"]

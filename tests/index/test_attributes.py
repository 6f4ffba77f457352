from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import DataError, SchemaError
from shortlist.index import _attributes
from shortlist.index._attributes import Attributes, as_table


def frame(values):
    return pl.DataFrame({"n": pl.Series(values, dtype=pl.Int64)})


@given(
    st.lists(st.lists(st.integers(0, 3) | st.none(), max_size=6), min_size=1, max_size=12),
    st.data(),
)
def test_bitmaps_grow_as_rows_do(parts, data):
    table, rows, snapshots = Attributes((frame(parts[0]),)), list(parts[0]), []
    snapshots.append((table, list(rows)))
    for part in parts[1:]:
        if data.draw(st.booleans()):
            table.passing("n == 1")
        table = table.with_added(frame(part))
        rows += part
        snapshots.append((table, list(rows)))
    # In any order: an older snapshot may be asked after a newer one.
    for held, values in data.draw(st.permutations(snapshots)):
        found = held.passing("n == 1")
        assert found.mask.tolist() == [value == 1 for value in values]
        assert found.rows.tolist() == [i for i, value in enumerate(values) if value == 1]
        taken = held.take(np.array([-1, *range(len(values))]))
        assert taken["n"].to_list() == [None, *values]
        assert len(held) == len(values)


def test_a_condition_is_evaluated_once_for_each_row(monkeypatch):
    seen = []
    real = _attributes.passing
    monkeypatch.setattr(
        _attributes, "passing", lambda where, rows: seen.append(rows.height) or real(where, rows)
    )
    table = Attributes((frame(range(100)),))
    for _ in range(3):
        table.passing("n > 5")
    table = table.with_added(frame([7, 8]))
    table.passing("n > 5")
    assert sum(seen) == 102


def test_only_so_many_conditions_are_kept(monkeypatch):
    monkeypatch.setattr(_attributes, "_BYTES_KEPT", 5000)
    table = Attributes((frame(range(1000)),))
    for limit in range(20):
        assert table.passing(f"n < {limit}").rows.tolist() == list(range(limit))
    assert len(table._cache._kept) < 6


def test_columns_come_in_any_order_and_are_made_to_fit():
    table = Attributes((pl.DataFrame({"a": [1.5], "b": ["x"]}),))
    checked = table.check({"b": ["y"], "a": [2]}, 1)
    assert checked.to_dicts() == [{"a": 2.0, "b": "y"}]
    with pytest.raises(SchemaError, match="Did you mean 'bb'"):
        table.check({"a": [1.0], "bb": ["y"]}, 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [(7, "data frame"), ({}, "column"), ({"a": [1]}, "1 rows and 2 ids"), ({"a": [1], "b": 2}, "")],
)
def test_what_is_no_table_is_refused(given, message):
    with pytest.raises(DataError) as caught:
        as_table(given, 2)
    assert message in str(caught.value)

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.bundle import read_folder, write_folder
from shortlist.ids import as_ids
from shortlist.index._storage import read_ids, read_items, write_ids, write_items

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)
    | st.lists(TEXT, min_size=1, max_size=5)
    | st.lists(st.binary(max_size=5), min_size=1, max_size=5)
)
def test_ids_come_back_as_they_were(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("ids") / "a"
    array = as_ids(ids) if ids else np.empty(0, dtype=np.int64)
    write_folder(path, lambda draft: write_ids(draft, array, np.arange(len(ids)) * 3), kind="x")
    found, numbers = read_ids(read_folder(path, kind="x"))
    assert found.tolist() == ids
    assert found.dtype.kind == array.dtype.kind
    assert numbers.tolist() == [3 * n for n in range(len(ids))]


def test_attributes_come_back_with_their_kinds(tmp_path):
    table = pl.DataFrame({"tags": [["a"], None], "year": pl.Series([1, None], dtype=pl.Int16)})
    write_folder(
        tmp_path / "a",
        lambda draft: write_items(draft, np.eye(2, dtype=np.float32), np.arange(2), table),
        kind="x",
    )
    vectors, ids, found = read_items(read_folder(tmp_path / "a", kind="x"))
    assert found is not None
    assert found.equals(table)
    assert found.schema == table.schema
    assert ids.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        vectors[0] = 1

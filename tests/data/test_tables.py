from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data import ArrayTable, Histories, Interactions, ParquetTable
from shortlist.errors import ConfigError, DataError, SchemaError

N = 1_000
FRAME = pl.DataFrame({"user": np.arange(N), "score": np.arange(N, dtype=np.float32) / 2})


@pytest.fixture
def files(tmp_path):
    FRAME[:300].write_parquet(tmp_path / "0.parquet")
    FRAME[300:301].write_parquet(tmp_path / "1.parquet")
    FRAME[301:].write_parquet(tmp_path / "2.parquet", row_group_size=50)
    return str(tmp_path / "*.parquet")


def test_arrays_lists_and_objects_that_take():
    log = Interactions({"user": [1, 1], "item": [5, 6], "time": [0, 1]})
    histories = Histories(log, np.array([1, 2]))
    table = ArrayTable(
        {"x": np.eye(2), "y": [4, 5], "z": pl.Series([6.0, 7.0]), "h": histories.column(1)}
    )
    taken = table.take(np.array([1, 1, 0]))
    assert taken["x"].tolist() == [[0, 1], [0, 1], [1, 0]]
    assert taken["y"].tolist() == [5, 5, 4]
    assert taken["z"].tolist() == [7, 7, 6]
    assert taken["h"].tolist() == [[1], [1], [0]]
    assert len(table) == 2
    assert table.blocks.tolist() == [0, 2]


def test_a_memory_map_or_a_view_of_one_is_read_in_blocks(tmp_path):
    mapped = np.memmap(tmp_path / "x", dtype=np.int32, mode="w+", shape=(10_000,))
    for column in (mapped, mapped.reshape(-1, 2).reshape(-1), np.asarray(mapped)):
        assert ArrayTable({"x": column}).blocks.tolist() == [0, 4096, 8192, 10_000]
    assert ArrayTable({"x": mapped}, block_rows=6_000).blocks.tolist() == [0, 6000, 10_000]


def test_columns_that_do_not_fit():
    with pytest.raises(SchemaError, match=r"one length; received \{'x': 2, 'y': 3\}"):
        ArrayTable({"x": np.zeros(2), "y": np.zeros(3)})
    with pytest.raises(SchemaError, match=r"one length; received \{\}"):
        ArrayTable({})
    with pytest.raises(SchemaError, match=r"'x' expected an array, .* received int"):
        ArrayTable({"x": 3})


@given(
    rows=st.lists(st.integers(0, N - 1), min_size=1, max_size=50),
    block_rows=st.sampled_from([7, 64, 5_000]),
    window=st.sampled_from([1, 3]),
)
def test_parquet_rows_are_the_rows_of_the_files_in_order(
    tmp_path_factory, rows, block_rows, window
):
    folder = tmp_path_factory.mktemp("parquet")
    FRAME[:300].write_parquet(folder / "0.parquet")
    FRAME[300:].write_parquet(folder / "1.parquet")
    table = ParquetTable(str(folder / "*.parquet"), block_rows=block_rows, window=window)
    taken = table.take(np.array(rows))
    assert taken["user"].tolist() == rows
    assert taken["score"].tolist() == [row / 2 for row in rows]
    assert taken["score"].dtype == np.float32


def test_blocks_do_not_cross_files(files):
    table = ParquetTable(files, block_rows=200)
    assert table.blocks.tolist() == [0, 200, 300, 301, 501, 701, 901, 1000]
    assert len(table) == N


def test_no_more_blocks_are_held_than_a_window(files):
    read = []

    def transform(frame):
        read.append(frame.height)
        return {"x": frame["user"].to_numpy()}

    table = ParquetTable(files, transform=transform, block_rows=100, window=2)
    for rows in ([0, 150], [199, 1], [301], [0]):
        assert table.take(np.array(rows))["x"].tolist() == rows
    # 0 and 1 were read once for two batches; 301 pushed out the one used longest ago.
    assert read == [100, 100, 100, 100]


def test_a_transform_makes_the_arrays(files):
    table = ParquetTable(
        files,
        columns=["user"],
        transform=lambda frame: {"pair": np.stack([frame["user"], -frame["user"]], axis=1)},
    )
    assert table.take(np.array([999, 5]))["pair"].tolist() == [[999, -999], [5, -5]]


def test_columns_that_cannot_become_arrays(tmp_path):
    path = tmp_path / "x.parquet"
    pl.DataFrame({"a": [1, None], "b": [[1], [2]], "c": [1, 2]}).write_parquet(path)
    with pytest.raises(DataError, match="'a' holds nulls and cannot become an array"):
        ParquetTable(path, columns=["a"]).take(np.array([0]))
    with pytest.raises(DataError, match=r"'b' is List\(Int64\)"):
        ParquetTable(path, columns=["b"]).take(np.array([0]))
    assert ParquetTable(path, columns=["c"]).take(np.array([1]))["c"].tolist() == [2]


def test_files_that_do_not_fit(tmp_path):
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "0.parquet")
    pl.DataFrame({"a": ["x"]}).write_parquet(tmp_path / "1.parquet")
    (tmp_path / "bad.parquet").write_text("not a Parquet file at all")
    with pytest.raises(SchemaError, match=r"'a' is Int64 in .*0.parquet' and String in"):
        ParquetTable(str(tmp_path / "[01].parquet"))
    with pytest.raises(SchemaError, match=r"column 'z' in .*; found \['a'\]"):
        ParquetTable(tmp_path / "0.parquet", columns=["z"])
    with pytest.raises(DataError, match=r"Cannot read .*bad.parquet' as Parquet"):
        ParquetTable(tmp_path / "bad.parquet")
    with pytest.raises(DataError, match="There is no file"):
        ParquetTable(tmp_path / "none.parquet")
    with pytest.raises(ConfigError, match="1 or more; received 0, 16"):
        ParquetTable(tmp_path / "0.parquet", block_rows=0)

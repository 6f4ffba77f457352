from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from shortlist.data.sources import read_source
from shortlist.errors import DataError, SchemaError

TABLE = {"user": [2, 1, 2], "item": ["a", "b", "c"], "time": [5, 6, 7]}
FRAME = pl.DataFrame(TABLE)


def as_csv(folder):
    FRAME.write_csv(folder / "log.csv")
    return folder / "log.csv"


def as_tsv(folder):
    FRAME.write_csv(folder / "log.tsv", separator="\t")
    return str(folder / "log.tsv")


def as_parquet(folder):
    FRAME.write_parquet(folder / "log.parquet")
    return folder / "log.parquet"


def as_glob(folder):
    FRAME[:1].write_parquet(folder / "part-0.parquet")
    FRAME[1:].write_parquet(folder / "part-1.parquet")
    return str(folder / "part-*.parquet")


def as_list_of_paths(folder):
    as_glob(folder)
    return [folder / "part-0.parquet", folder / "part-1.parquet"]


def as_pandas(folder):
    return pytest.importorskip("pandas").DataFrame(TABLE, index=[4, 4, 4])


def as_pyarrow(folder):
    return pytest.importorskip("pyarrow").table(TABLE)


def as_record_batch(folder):
    return pytest.importorskip("pyarrow").record_batch(TABLE)


def as_duckdb(folder):
    duckdb = pytest.importorskip("duckdb")
    frame = FRAME  # noqa: F841  (found by DuckDB by its name)
    return duckdb.sql("select user, item, time from frame")


def as_stream(folder):
    class Stream:
        def __arrow_c_stream__(self, requested_schema=None):
            return FRAME.__arrow_c_stream__(requested_schema)

    return Stream()


def as_arrays(folder):
    return {name: np.array(values) for name, values in TABLE.items()}


def as_object_arrays(folder):
    return {name: np.array(values, dtype=object) for name, values in TABLE.items()}


SOURCES = [
    as_csv, as_tsv, as_parquet, as_glob, as_list_of_paths, as_pandas, as_pyarrow, as_record_batch,
    as_duckdb, as_stream, as_arrays, as_object_arrays,
]  # fmt: skip


@pytest.mark.parametrize("make", SOURCES)
def test_every_kind_of_source_reads_the_same(make, tmp_path):
    assert read_source(make(tmp_path)).equals(FRAME)


def test_frames_and_dicts():
    assert read_source(FRAME) is not None
    assert read_source(FRAME.lazy()).equals(FRAME)
    assert read_source(TABLE).equals(FRAME)
    assert read_source({name: FRAME[name] for name in FRAME.columns}).equals(FRAME)


def test_datetimes_of_coarse_numpy_units():
    frame = read_source({"t": np.array(["2020-01-01"], dtype="datetime64[s]")})
    assert frame["t"].to_list() == [dt.datetime(2020, 1, 1)]


def test_lists_of_lists_are_context():
    assert read_source({"tags": [["x"], []]})["tags"].dtype == pl.List(pl.String)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "a"], r"row 0 holds 1 \(int\) and row 1 holds 'a' \(str\)"),
        ([None, "a", "b", 2.5], r"row 1 holds 'a' \(str\) and row 3 holds 2.5 \(float\)"),
        (["a", b"a"], r"\(str\) and row 1 holds b'a' \(bytes\)"),
        ([1, True], r"\(int\) and row 1 holds True \(bool\)"),
    ],
)
@pytest.mark.parametrize("wrap", [list, lambda v: np.array(v, dtype=object), "pandas", "polars"])
def test_mixed_types_name_the_rows_and_both_types(values, message, wrap):
    if wrap == "pandas":
        source = pytest.importorskip("pandas").DataFrame({"user": np.array(values, dtype=object)})
    elif wrap == "polars":
        source = pl.DataFrame({"user": pl.Series(values, dtype=pl.Object)})
    else:
        source = {"user": wrap(values)}
    with pytest.raises(SchemaError, match=r"Column 'user' expected values of one type") as caught:
        read_source(source)
    assert caught.match(message)


def test_nan_among_strings_is_a_missing_string():
    assert read_source({"user": ["a", float("nan")]})["user"].to_list() == ["a", None]


def test_a_csv_column_that_turns_into_text_late_is_text(tmp_path):
    (tmp_path / "log.csv").write_text("user\n" + "1\n" * 12_000 + "abc\n")
    assert read_source(tmp_path / "log.csv")["user"].dtype == pl.String


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "the file is empty"),
        ("empty.parquet", b"", "the file is empty"),
        ("bad.parquet", b"this is no parquet file", "Cannot read .*bad.parquet' as Parquet"),
        ("bad.csv", b"user,item\n1,2\n3,4,5,6\n", "Cannot read .*bad.csv' as CSV"),
        ("latin.csv", b"user,item\n\xe9,2\n", "Cannot read .*latin.csv' as CSV: invalid utf-8"),
        ("log.json", b"{}", "Expected a file ending in .parquet"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_source(tmp_path / name)


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        read_source(tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"No file matches .*\*\.csv"):
        read_source(str(tmp_path / "*.csv"))
    with pytest.raises(DataError, match="Name its files with a glob"):
        read_source(tmp_path)
    with pytest.raises(DataError, match="empty list"):
        read_source([])


def test_files_that_do_not_fit_together(tmp_path):
    (tmp_path / "a.csv").write_text("user,item\n1,2\n")
    (tmp_path / "b.csv").write_text("user,item\nx,2\n")
    (tmp_path / "c.csv").write_text("user,thing\n1,2\n")
    with pytest.raises(SchemaError, match=r"'user' is Int64 in .*a.csv' and String in .*b.csv'"):
        read_source(str(tmp_path / "[ab].csv"))
    with pytest.raises(SchemaError, match=r"same columns.*\['user', 'thing'\]"):
        read_source(str(tmp_path / "[ac].csv"))


def test_sources_of_no_known_kind():
    with pytest.raises(SchemaError, match="received int"):
        read_source(3)
    with pytest.raises(SchemaError, match="received list"):
        read_source([[1, 2]])
    with pytest.raises(SchemaError, match="'user' expected an array; received 3"):
        read_source({"user": 3})
    with pytest.raises(SchemaError, match=r"one length; received \{'a': 1, 'b': 2\}"):
        read_source({"a": [1], "b": [1, 2]})
    with pytest.raises(SchemaError, match="distinct column names"):
        read_source({"1": [1], 1: [2]})

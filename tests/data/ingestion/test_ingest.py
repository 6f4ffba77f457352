"""One pass over many files: the right columns, whatever happens on the way."""

from __future__ import annotations

import datetime
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shortlist.data import Batches, Ingested, ingest
from shortlist.data.codes import first_appearance
from shortlist.errors import BundleError, ConfigError, DataError, SchemaError
from shortlist.features import Categorical, Encoder, Numeric, Vocabulary

OPTIONS = {"codes": ["user", "item"], "values": ["time", "stars"], "block_rows": 300}


def events(rows: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    users = [f"u{n}" for n in draw.integers(0, 400, rows)]
    stars = draw.integers(1, 6, rows).astype(np.float32)
    items, times = draw.integers(0, 90, rows) * 31, draw.integers(0, 10**9, rows)
    return pl.DataFrame({"user": users, "item": items, "time": times, "stars": stars})


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "events"
    folder.mkdir()
    for number in range(5):
        path = folder / f"{number}.parquet"
        events(1_000 + number, number).write_parquet(path, row_group_size=450)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def check(found: Ingested, frame: pl.DataFrame) -> None:
    assert len(found) == frame.height
    for name in ("user", "item"):
        ids, codes = first_appearance(frame[name])
        np.testing.assert_array_equal(found.columns[name], codes + 1)
        assert found.columns[name].dtype == np.int32
        assert found.ids(name).to_list() == ids.tolist()
        assert found.sizes[name] == len(ids) + 1
        vocabulary = Vocabulary(found.ids(name))
        np.testing.assert_array_equal(vocabulary.encode(frame[name]), found.columns[name])
    for name in ("time", "stars"):
        np.testing.assert_array_equal(found.columns[name], frame[name].to_numpy())
        assert found.columns[name].dtype == frame[name].to_numpy().dtype


def test_columns_and_ids_are_those_of_the_whole(files, tmp_path):
    steps = []
    told = lambda done, total: steps.append((done, total))  # noqa: E731
    found = ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS, on_progress=told)
    check(found, pl.read_parquet(f"{files}/*.parquet"))
    assert steps[-1] == (5_010, 5_010)
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert not found.skipped
    assert repr(found) == "Ingested(5,010 rows: user, item, time, stars)"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events", "out"]
    with pytest.raises(ValueError, match="read-only"):
        found.columns["user"][0] = 1
    mapped = np.load(tmp_path / "out" / "columns" / "user.npy", mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(mapped, found.columns["user"])


def test_the_result_does_not_depend_on_the_blocks(files, tmp_path):
    first = ingest(f"{files}/*.parquet", tmp_path / "a", **OPTIONS)
    other = ingest(f"{files}/*.parquet", tmp_path / "b", **(OPTIONS | {"block_rows": 77}))
    assert contents(first.folder) == contents(other.folder)


def test_batches_go_over_every_row_once(files, tmp_path):
    found = ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)
    batches = list(Batches(found, 512, seed=1))
    seen = np.concatenate([batch["time"] for batch in batches])
    assert sorted(seen) == sorted(found.columns["time"])
    assert not np.array_equal(seen, found.columns["time"])
    assert sorted(batches[0]) == ["item", "stars", "time", "user"]


def test_a_fitted_encoder_as_transform(files, tmp_path):
    frame = pl.read_parquet(f"{files}/*.parquet")
    encoder = Encoder([Categorical("item", name="movie"), Numeric("stars")]).fit(frame)
    found = ingest(
        f"{files}/*.parquet",
        tmp_path / "out",
        codes=["user"],
        transform=encoder.transform,
        columns=["item", "stars"],
        block_rows=200,
    )
    expected = encoder.transform(frame)
    assert list(found.columns) == ["user", "movie", "stars"]
    for name, array in expected.items():
        np.testing.assert_array_equal(found.columns[name], array)
    assert list(found.sizes) == ["user"]


def test_a_transform_may_make_matrices(files, tmp_path):
    def pairs(frame: pl.DataFrame) -> dict[str, np.ndarray]:
        return {"pair": frame.select("time", "item").to_numpy()}

    found = ingest(f"{files}/*.parquet", tmp_path / "out", transform=pairs, block_rows=400)
    expected = pl.read_parquet(f"{files}/*.parquet").select("time", "item").to_numpy()
    np.testing.assert_array_equal(found.columns["pair"], expected)


def test_times_become_seconds_and_odd_names_are_fine(tmp_path):
    when = datetime.datetime(2020, 1, 2, 3, 4, 5, 250_000)
    frame = pl.DataFrame({"a/b *": ["x", "y"], "at": [when, when], "ok": [True, False]})
    frame.write_parquet(tmp_path / "[1].parquet")
    options = {"codes": ["a/b *"], "values": ["at", "ok"]}
    found = ingest(tmp_path / "[1].parquet", tmp_path / "deep" / "out", **options)
    assert found.columns["at"].tolist() == [1577934245.25] * 2
    assert found.columns["ok"].tolist() == [True, False]
    assert found.ids("a/b *").to_list() == ["x", "y"]


def damage(path: Path, where: str) -> None:
    data = bytearray(path.read_bytes())
    if where == "footer":
        data[-20:] = b"\0" * 20
    else:
        data[len(data) // 2 : len(data) // 2 + 900] = b"\xff" * 900
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("where", ["footer", "middle"])
def test_a_corrupt_file_is_named_and_left_out_only_when_asked(files, tmp_path, where):
    wanted = f"{files}/*.parquet"
    damage(files / "2.parquet", where)
    with pytest.raises(DataError, match=r"2\.parquet' as Parquet: .*skip_corrupt=True"):
        ingest(wanted, tmp_path / "out", **OPTIONS)
    found = ingest(wanted, tmp_path / "out", **OPTIONS, skip_corrupt=True)
    assert [(skipped.path.name, bool(skipped.problem)) for skipped in found.skipped] == [
        ("2.parquet", True)
    ]
    rest = [files / f"{n}.parquet" for n in (0, 1, 3, 4)]
    check(found, pl.read_parquet(rest))
    without = ingest(rest, tmp_path / "rest", **OPTIONS)
    both = (contents(found.folder), contents(without.folder))
    assert {k: v for k, v in both[0].items() if k != "columns.json"} == {
        k: v for k, v in both[1].items() if k != "columns.json"
    }


def test_several_corrupt_files_are_counted(files, tmp_path):
    for number in (1, 3):
        damage(files / f"{number}.parquet", "footer")
    with pytest.raises(DataError, match=r"1\.parquet'.*So are 1 more of the 5 files"):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)
    for number in (0, 2, 4):
        damage(files / f"{number}.parquet", "footer")
    with pytest.raises(DataError, match=r"Cannot read '.*0\.parquet'"):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS, skip_corrupt=True)


@pytest.mark.parametrize(
    "error",
    [
        OSError(24, "Too many open files"),
        pl.exceptions.ComputeError("cannot map: Cannot allocate memory (os error 12)"),
        MemoryError(),
        KeyboardInterrupt(),
    ],
)
def test_what_the_machine_refuses_is_no_corrupt_file(files, tmp_path, monkeypatch, error):
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pl, "scan_parquet", fails)
    with pytest.raises((type(error), BundleError)):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS, skip_corrupt=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no such limit there")
def test_memory_is_bounded_below_the_size_of_the_data(tmp_path):
    ramp = pl.int_range(1_000_000, eager=True)
    for part in range(6):
        columns = {f"x{n}": ramp * (n + 1) + part for n in range(10)}
        pl.DataFrame(columns).write_parquet(tmp_path / f"{part}.parquet", row_group_size=100_000)
    program = """
import resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (400_000_000,) * 2)
from shortlist.data import ingest
names = [f"x{n}" for n in range(10)]
found = ingest(sys.argv[1], sys.argv[2], codes=names[:1], values=names[1:], block_rows=100_000)
print(len(found), found.sizes["x0"], sum(array.nbytes for array in found.columns.values()))
"""
    child = subprocess.run(
        [sys.executable, "-c", program, f"{tmp_path}/*.parquet", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "1"},
    )
    assert child.returncode == 0, child.stderr[-2000:]
    assert child.stdout.split() == ["6000000", "1000006", "456000000"]


PROGRAM = """
import sys
from shortlist.data.ingestion import ingest
import shortlist.data.ingestion.ingest
sys.modules["shortlist.data.ingestion.ingest"]._SECONDS = float(sys.argv[3])
def told(done, total):
    print(done, flush=True)
ingest(sys.argv[1], sys.argv[2], codes=["user", "item"], values=["time", "stars"], block_rows=50,
       on_progress=told, skip_corrupt=True)
print("finished", flush=True)
"""


@pytest.mark.parametrize("seconds", ["0", "0.02"])
def test_killed_at_random_moments_it_goes_on_to_the_same_bytes(files, tmp_path, seconds):
    damage(files / "3.parquet", "middle")
    wanted, out = f"{files}/*.parquet", tmp_path / "out"
    draw = random.Random(seconds)
    kills, last = 0, ""
    while last != "finished":
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, wanted, str(out), seconds],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with child:
            lines = draw.randrange(5, 25) if kills < 3 else 10**6
            for _, line in zip(range(lines), child.stdout, strict=False):
                last = line.strip()
            child.kill()
        kills += 1
        assert kills < 10
    assert kills > 2
    whole = ingest(wanted, tmp_path / "whole", **OPTIONS, skip_corrupt=True)
    assert contents(out) == contents(whole.folder)
    check(Ingested.open(out), pl.read_parquet([files / f"{n}.parquet" for n in (0, 1, 2, 4)]))


def test_an_exception_leaves_what_can_be_gone_on_with(files, tmp_path):
    calls = []

    def stops(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS, on_progress=stops)
    with pytest.raises(BundleError, match="is unfinished; call ingest again"):
        Ingested.open(tmp_path / "out")
    found = ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)
    check(found, pl.read_parquet(f"{files}/*.parquet"))


def test_a_finished_folder_is_opened_and_nothing_is_read(files, tmp_path):
    first = ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)
    before = contents(first.folder)
    again = ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS, on_progress=pytest.fail)
    assert len(again) == len(first)
    assert contents(again.folder) == before
    with pytest.raises(ConfigError, match="other files or columns"):
        ingest(f"{files}/*.parquet", tmp_path / "out", codes=["user"])
    events(10, 9).write_parquet(files / "0.parquet")
    with pytest.raises(ConfigError, match="changed since"):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)


def test_an_unfinished_folder_of_something_else_is_refused(files, tmp_path):
    part = tmp_path / "out.part"
    with pytest.raises(DataError):
        ingest(f"{files}/*.parquet", tmp_path / "out", transform=lambda _: {"x": np.zeros(3)})
    assert part.is_dir()
    with pytest.raises(ConfigError, match="beginning of another ingest"):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)


def test_a_folder_with_other_things_is_not_touched(files, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="Give another folder"):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="no locks on folders there")
def test_two_at_once_are_refused(files, tmp_path):
    def second(done: int, total: int) -> None:
        with pytest.raises(ConfigError, match="Another process is writing"):
            ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)

    ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS, on_progress=second)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "codes=, values= or transform="),
        ({"codes": "user"}, "codes expected a list of columns; received 'user'"),
        ({"codes": ["user"], "values": ["user"]}, "'user' was asked for twice"),
        ({"codes": ["user"], "columns": ["item"]}, "received no transform"),
        ({"codes": ["user"], "block_rows": 0}, "block_rows expected 1 or more"),
    ],
)
def test_wrong_options_are_named(files, tmp_path, options, said):
    with pytest.raises(ConfigError, match=said):
        ingest(f"{files}/*.parquet", tmp_path / "out", **options)
    assert not (tmp_path / "out.part").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"codes": ["usr"]}, "Expected a column 'usr'.*Did you mean 'user'"),
        ({"codes": ["stars"]}, r"'stars' of .*0\.parquet', from row 0 on, .*whole"),
        ({"values": ["user"]}, "expected numbers, booleans or times; received String"),
        ({"transform": lambda f: {"x": np.zeros(3)}}, "a row for each of 1000; 'x' is"),
        ({"transform": lambda f: {"x": f["user"].to_numpy()}}, "'x' is object"),
        ({"codes": ["user"], "transform": lambda f: {"user": f["time"].to_numpy()}}, "'user'"),
    ],
)
def test_wrong_columns_are_named(files, tmp_path, options, said):
    frame = pl.read_parquet(files / "0.parquet").with_columns(pl.col("stars") + 0.5)
    frame.write_parquet(files / "0.parquet")
    with pytest.raises(DataError, match=said):
        ingest(f"{files}/*.parquet", tmp_path / "out", **options)


@pytest.mark.parametrize("name", ["user", "time"])
def test_a_missing_value_is_named_with_file_and_row(files, tmp_path, name):
    frame = pl.read_parquet(files / "1.parquet")
    missing = pl.int_range(pl.len()) == 704
    frame.with_columns(pl.when(~missing).then(name).alias(name)).write_parquet(files / "1.parquet")
    said = rf"'{name}' of .*1\.parquet', from row 600 on, .*row 104 holds null"
    with pytest.raises(DataError, match=said):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)


def test_types_that_differ_between_files_are_named(files, tmp_path):
    frame = pl.read_parquet(files / "1.parquet").with_columns(pl.col("item").cast(pl.String))
    frame.write_parquet(files / "1.parquet")
    with pytest.raises(SchemaError, match=r"'item' is Int64 in .*0\.parquet' and String in"):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)


def test_a_transform_whose_arrays_change_is_refused(files, tmp_path):
    def widths(frame: pl.DataFrame) -> dict[str, np.ndarray]:
        return {"x": np.zeros((frame.height, 2 if frame.height == 300 else 3))}

    with pytest.raises(DataError, match=r"'x' was float64 \(2,\) .* and is float64 \(3,\)"):
        ingest(f"{files}/*.parquet", tmp_path / "out", transform=widths, block_rows=300)


def test_no_rows_and_no_files(tmp_path):
    events(0, 0).write_parquet(tmp_path / "empty.parquet")
    with pytest.raises(DataError, match="at least one row"):
        ingest(tmp_path / "empty.parquet", tmp_path / "out", **OPTIONS)
    with pytest.raises(DataError, match="No file matches"):
        ingest(f"{tmp_path}/none-*.parquet", tmp_path / "out", **OPTIONS)


def test_damaged_results_are_refused(files, tmp_path):
    found = ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)
    with pytest.raises(ConfigError, match="one of \\['user', 'item'\\]; received 'usr'"):
        found.ids("usr")
    path = found.folder / "columns" / "time.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    with pytest.raises(BundleError, match="Cannot map"):
        Ingested.open(found.folder)
    path.write_bytes(whole)
    facts = json.loads((found.folder / "columns.json").read_text())
    for wrong, said in (({"version": 9}, "expected version 1; found 9"), ({"rows": 3}, "damaged")):
        (found.folder / "columns.json").write_text(json.dumps(facts | wrong))
        with pytest.raises(BundleError, match=said):
            Ingested.open(found.folder)


def test_a_column_cut_short_before_going_on_is_refused(files, tmp_path):
    damage(files / "3.parquet", "middle")
    with pytest.raises(DataError, match=r"3\.parquet"):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS)
    (tmp_path / "out.part" / "columns" / "time.npy").write_bytes(b"")
    with pytest.raises(BundleError, match=r"Remove .*out\.part to begin anew"):
        ingest(f"{files}/*.parquet", tmp_path / "out", **OPTIONS, skip_corrupt=True)

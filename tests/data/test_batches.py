from __future__ import annotations

import json
import subprocess
import sys
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.data import ArrayTable, Batches, ParquetTable
from shortlist.errors import ConfigError, DataError

SIZES = {"n": st.integers(1, 40), "size": st.integers(1, 12), "prefetch": st.sampled_from([0, 2])}


def make(n=20, size=6, **options):
    return Batches({"x": np.arange(n), "y": np.arange(n) * 2.0}, size, **options)


def lists(batches):
    return [batch["x"].tolist() for batch in batches]


@given(**SIZES, drop=st.booleans())
def test_an_epoch_has_every_row_once(n, size, prefetch, drop):
    if drop and n < size:
        return
    batches = make(n, size, prefetch=prefetch, drop_remainder=drop)
    made = list(batches)
    assert len(made) == len(batches)
    rows = [x for batch in made for x in batch["x"].tolist()]
    if drop:
        assert {len(batch["x"]) for batch in made} == {size}
        assert len(set(rows)) == len(rows) == n // size * size
    else:
        assert sorted(rows) == list(range(n))
    assert all((batch["y"] == batch["x"] * 2).all() for batch in made)


@given(**SIZES)
def test_seed_and_epoch_alone_decide_the_order(n, size, prefetch):
    batches, again = make(n, size, prefetch=prefetch), make(n, size)
    first, second = lists(batches), lists(batches)
    assert [first, second] == [lists(again), lists(again)]
    assert [b["x"].tolist() for b in batches.stream(1)] == second
    assert [batches.batch(0, i)["x"].tolist() for i in range(len(batches))] == first


def test_other_seeds_and_epochs_differ():
    batches = make(100, 100)
    assert lists(batches) != lists(batches)
    assert lists(make(100, 100, seed=1)) != lists(make(100, 100, seed=2))
    assert lists(make(4, 3, shuffle=False)) == [[0, 1, 2], [3]]


@given(**SIZES, handed=st.integers(0, 60))
def test_a_restored_position_goes_on_where_it_was_saved(n, size, prefetch, handed):
    def forever(batches):
        while True:
            yield from batches

    whole = forever(make(n, size))
    expected = [next(whole)["x"].tolist() for _ in range(handed + 5)][handed:]
    broken = make(n, size, prefetch=prefetch)
    stream = forever(broken)
    for _ in range(handed):
        next(stream)
    state = json.loads(json.dumps(broken.state()))
    stream.close()
    resumed = make(n, size, prefetch=prefetch)
    resumed.restore(state)
    assert resumed.state() == state
    stream = forever(resumed)
    assert [next(stream)["x"].tolist() for _ in range(5)] == expected


def test_a_break_does_not_use_up_the_epoch():
    batches = make()
    first = next(iter(batches))["x"].tolist()
    assert lists(batches)[0] == first
    assert batches.state()["epoch"] == 1


def test_a_state_of_other_data_or_settings_is_an_error():
    state = make().state()
    with pytest.raises(ConfigError, match="rows was 20 and is 21 now"):
        make(21).restore(state)
    with pytest.raises(ConfigError, match="seed was 0 and is 5 now"):
        make(seed=5).restore(state)
    with pytest.raises(ConfigError, match=r"Expected a state with \['batch'"):
        make().restore({"epoch": 1})


def test_the_position_counts_batches_handed_out_not_made_ahead():
    batches = make(100, 10, prefetch=5)
    stream = iter(batches)
    next(stream)
    assert batches.state()["batch"] == 1
    stream.close()


@pytest.mark.parametrize("block", [3, 10, 64])
@pytest.mark.parametrize("window", [1, 2])
def test_arrays_maps_and_parquet_give_the_same_batches(tmp_path, block, window):
    x = np.arange(64)
    mapped = np.memmap(tmp_path / "x", dtype=x.dtype, mode="w+", shape=x.shape)
    mapped[:] = x
    pl.DataFrame({"x": x}).write_parquet(tmp_path / "x.parquet")
    options = {"block_rows": block, "window": window}
    tables = [
        ArrayTable({"x": x}, **options),
        ArrayTable({"x": mapped}, **options),
        ParquetTable(tmp_path / "x.parquet", **options),
    ]
    made = [lists(Batches(table, 7)) for table in tables]
    assert made[0] == made[1] == made[2]
    assert sorted(value for batch in made[0] for value in batch) == x.tolist()


def test_an_exception_in_a_column_reaches_the_loop_and_stops_the_thread(workers):
    class Broken:
        def __len__(self):
            return 20

        def take(self, rows):
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(Batches({"x": Broken()}, 5))
    assert not workers()


def test_unique_columns_come_with_their_parts():
    items = np.array([5, 5, 2, 5, 0, 2, 2])
    genre = items * 10
    batches = Batches({"item": items, "genre": genre}, 4, shuffle=False, unique=["item"], sizes=[2])
    first, second = batches
    assert first["item_unique"].tolist() == [2, 5]
    assert first["item_counts"].tolist() == [1, 3]
    assert first["item_inverse"].tolist() == [1, 1, 0, 1]
    assert first["genre"][first["item_first"]].tolist() == [20, 50]
    # A last, smaller batch is padded like the others; the batch size is always among the sizes.
    assert second["item_unique"].tolist() == [0, 2]
    full = Batches({"item": np.arange(4)}, 4, unique=["item"], sizes=[2]).batch(0, 0)
    assert full["item_unique"].tolist() == [0, 1, 2, 3]


def test_unique_meets_few_shapes():
    rng = np.random.default_rng(0)
    items = rng.zipf(1.3, 20_000) % 1_700
    batches = Batches({"item": items}, 1_024, unique=["item"], drop_remainder=True)
    assert len({len(batch["item_unique"]) for batch in batches}) <= 3


def test_wrong_arguments():
    with pytest.raises(ConfigError, match="batch_size expected 1 or more; received 0"):
        make(size=0)
    with pytest.raises(ConfigError, match="seed expected 0 or more"):
        make(seed=-1)
    with pytest.raises(ConfigError, match="prefetch expected 0 or more"):
        make(prefetch=-1)
    with pytest.raises(DataError, match="at least one row"):
        make(0)
    with pytest.raises(ConfigError, match="at most the 20 rows there are"):
        make(size=21, drop_remainder=True)
    with pytest.raises(ConfigError, match=r"among \['x', 'y'\]; received 'xx'"):
        make(unique=["xx"])
    with pytest.raises(DataError, match="flat array of integer codes; received float64"):
        make(unique=["y"])
    with pytest.raises(ConfigError, match=r"would replace the columns \['x_first'\]"):
        Batches({"x": np.arange(3), "x_first": np.arange(3)}, 2, unique=["x"])
    with pytest.raises(IndexError, match="batch from 0 to 3; received 4"):
        make().batch(0, 4)


LIMITED = """
import resource, sys
import numpy as np
from shortlist.data import ArrayTable, Batches, ParquetTable

kind, path, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
if kind == "parquet":
    table = ParquetTable(path, block_rows=32_768, window=4)
else:
    table = ArrayTable({"x": np.memmap(path, dtype=np.int64, mode="r", shape=(rows, 8))})
table.take(np.arange(10))
with open("/proc/self/status") as file:
    used = next(int(line.split()[1]) for line in file if line.startswith("VmData")) * 1024
limit = used + rows * 64 // 2
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(rows * 8)
except MemoryError:
    pass
else:
    sys.exit("the limit does not hold")
seen = 0
for batch in Batches(table, 4096):
    seen += int(batch["x"].sum()) if kind == "map" else sum(int(c.sum()) for c in batch.values())
print(seen)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does")
@pytest.mark.parametrize("kind", ["map", "parquet"])
def test_data_larger_than_the_memory_there_is(kind, tmp_path):
    """All the data is used while the process may not even hold half of it."""
    rows = 2_000_000
    columns = [np.random.default_rng(i).integers(0, 2**40, rows) for i in range(8)]
    path = tmp_path / "data"
    if kind == "parquet":
        frame = pl.DataFrame({f"c{i}": column for i, column in enumerate(columns)})
        frame.write_parquet(path, row_group_size=131_072, compression="uncompressed")
    else:
        mapped = np.memmap(path, dtype=np.int64, mode="w+", shape=(rows, 8))
        for i, column in enumerate(columns):
            mapped[:, i] = column
        mapped.flush()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, kind, str(path), str(rows)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert int(done.stdout) == sum(int(column.sum()) for column in columns)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(1, 16), st.integers(0, 3))
def test_padding_gives_one_shape_and_changes_nothing(codes, size, seed):
    columns = {"item": np.array(codes, dtype=np.int32), "row": np.arange(len(codes))}
    plain = Batches(columns, size, seed=seed, unique=["item"], prefetch=0)
    padded = Batches(columns, size, seed=seed, unique=["item"], prefetch=0, pad=True)
    for expected, batch in zip(plain, padded, strict=True):
        rows = len(expected["row"])
        assert {len(batch[name]) for name in ("item", "row", "item_inverse", "weight")} == {size}
        assert batch["weight"].tolist() == [1.0] * rows + [0.0] * (size - rows)
        for name in columns:
            np.testing.assert_array_equal(batch[name][:rows], expected[name])
        np.testing.assert_array_equal(batch["item_unique"][batch["item_inverse"]], batch["item"])
        assert batch["item_counts"].sum() == rows
        assert batch["item_counts"].dtype == expected["item_counts"].dtype


def test_the_last_batch_has_as_many_distinct_codes_as_the_first():
    codes = np.concatenate([np.arange(64), np.zeros(8, int)])
    batches = Batches({"item": codes}, 64, shuffle=False, unique=["item"], pad=True)
    assert [len(batch["item_unique"]) for batch in batches] == [64, 64]


def test_padding_keeps_the_weights_there_are():
    columns = {"x": np.arange(3), "weight": np.array([0.5, 2.0, 3.0])}
    batches = list(Batches(columns, 2, shuffle=False, pad=True))
    assert [batch["weight"].tolist() for batch in batches] == [[0.5, 2.0], [3.0, 0.0]]
    assert batches[0]["weight"].dtype == np.float32


@given(
    st.integers(1, 40), st.integers(1, 4), st.integers(1, 3), st.booleans(), st.sampled_from([0, 5])
)
def test_the_parts_of_processes_are_the_batch(n, size, count, unique, seed):
    codes = np.random.default_rng(n).integers(0, 9, n)
    options = {"unique": ["x"], "sizes": [count * size]} if unique else {}
    whole = Batches({"x": codes}, size * count, pad=True, seed=seed, **options)
    for index in range(len(whole)):
        expected = whole.batch(3, index)
        parts = [whole.batch(3, index, (i, count)) for i in range(count)]
        for name, values in expected.items():
            np.testing.assert_array_equal(np.concatenate([p[name] for p in parts]), values)


def test_a_part_reads_its_own_rows_only():
    class Column:
        taken: ClassVar[list] = []

        def __len__(self):
            return 6

        def take(self, rows):
            self.taken.extend(rows.tolist())
            return rows

    batches = Batches({"x": Column()}, 6, shuffle=False)
    assert lists(batches.stream(0, part=(1, 3))) == [[2, 3]]
    assert Column.taken == [2, 3]


def test_a_batch_that_does_not_divide_among_processes_is_an_error():
    with pytest.raises(DataError, match="evenly among 2 processes; received one of 3 rows"):
        make(3, 4).batch(0, 0, (0, 2))
    with pytest.raises(DataError, match="one of 7 x_unique"):
        Batches({"x": np.arange(9) % 3}, 9, unique=["x"], sizes=[7]).batch(0, 0, (0, 3))

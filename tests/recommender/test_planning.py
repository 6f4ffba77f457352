"""The plan says what a model on eight simulated devices is and does, to the byte where it can."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from math import prod

import polars as pl
import pytest

from shortlist.errors import ConfigError, DataError, SchemaError
from shortlist.recommender.byte_sizes import parse_bytes, show_bytes
from shortlist.recommender.config import Config
from shortlist.recommender.planning import Plan, make_plan

GB = 10**9
SYNTHETIC = {"data": {"dataset": "synthetic"}}

# Follows `fit_retriever` to the model it makes, then looks at the model and its compiled step.
PROGRAM = """
import collections, json, math, re, sys
import jax, keras
from shortlist.models import TwoTower
from shortlist.recommender import source, splitting
from shortlist.recommender.config import Config
from shortlist.recommender.encoders import catalogue
from shortlist.recommender.fit import fit_retriever
from shortlist.training import many_devices

class Made(Exception):
    pass

def fit(model, data, **_):
    batch, = data[0]
    model._prepare_to_run((batch,))
    raise Made(model, batch)

TwoTower.fit = fit

def group_size(line):
    # [2,4]<=[8] or {{0,1},{2,3}} or mesh['a'=2,'b'=4] {'b'}: how many devices talk to each other.
    if found := re.search(r"replica_groups=\\[\\d+,(\\d+)\\]", line):
        return int(found[1])
    if found := re.search(r"replica_groups={{([\\d,]+)}", line):
        return len(found[1].split(","))
    found = re.search(r"replica_groups=mesh\\[(.*?)\\].*? {('[^}]*)}", line)
    axes = dict(axis.split("=") for axis in found[1].split(","))
    return math.prod(int(axes[name]) for name in found[2].split(","))

def collectives(program):
    # What each device sends in a ring, and its multiplications and additions in matrix products:
    # loops count as often as they run.
    computations, name = collections.defaultdict(list), None
    for line in program.splitlines():
        if found := re.match(r"(?:ENTRY )?%?([\\w.-]+) .*{$", line):
            name = found[1]
        computations[name].append(line)
    sent, products, todo = [], 0, [(re.search(r"^ENTRY %?([\\w.-]+)", program, re.M)[1], 1)]
    while todo:
        name, times = todo.pop()
        for line in computations[name]:
            trips = re.search(r'known_trip_count":{"n":"(\\d+)"', line)
            for called in re.findall(r"(?:body|to_apply|calls)=%?([\\w.-]+)", line):
                todo.append((called, times * int(trips[1]) if trips else times))
            dot = re.search(r" = f32\\[([\\d,]+)\\]\\S* dot\\((?:f32\\S* )?%?([\\w.-]+),.*?"
                            r"lhs_contracting_dims={(\\d+)}", line)
            if dot:
                left = next(re.search(r"= f32\\[([\\d,]+)\\]", one)[1] for one in computations[name]
                            if re.match(rf"\\s*(?:ROOT )?%?{re.escape(dot[2])} =", one))
                summed = int(left.split(",")[int(dot[3])])
                products += 2 * math.prod(map(int, dot[1].split(","))) * summed * times
            move = re.search(r" = (.*?) (all-gather|all-to-all|all-reduce)[(]", line)
            if not move:
                continue
            made = re.findall(r"(f32|s32|u32|pred)\\[([\\d,]*)\\]", move[1])
            sizes = [math.prod(map(int, filter(None, d.split(",")))) * (1 if k == "pred" else 4)
                     for k, d in made]
            ring = (group_size(line) - 1) / group_size(line) * (1 + (move[2] == "all-reduce"))
            where = re.search(r'op_name="([^"]*)"', line)
            sent.append([move[2], [size * times * ring for size in sizes], where and where[1]])
    return sent, products

config = Config.from_dict(json.loads(sys.argv[1]))
data = source.load(config.data)
train = splitting.split(data, config.split).train
answers = []
for shards, min_rows, devices in json.loads(sys.argv[2]):
    keras.utils.clear_session()
    names = keras.distribution.list_devices()[:devices]
    chosen = many_devices(shards, min_rows=min_rows, devices=names)
    with chosen.scope():
        try:
            fit_retriever(train, data.users, catalogue(train, data.items),
                          features=config.features, retrieval=config.retrieval)
        except Made as made:
            model, batch = made.args
        batch = {n: jax.device_put(x, chosen.get_data_layout(x.shape).backend_layout)
                 for n, x in batch.items()}
        shapes = {}
        for variable in [*model.variables, *model.optimizer.variables]:
            part = variable.value.sharding.shard_shape(tuple(variable.shape))
            shapes[variable.path] = [list(variable.shape), list(part)]
        answer = {"shapes": shapes}
        if sys.argv[3] == "compile":
            state = model._get_jax_state(True, True, True, True)
            step = jax.jit(model.train_step, donate_argnums=0,
                           out_shardings=(None, model._get_state_sharding_spec()))
            compiled = step.lower(state, (batch,)).compile()
            moves, products = collectives(compiled.as_text())
            held = compiled.memory_analysis()
            answer |= {
                "moves": moves,
                "products": products,
                "arguments": held.argument_size_in_bytes,
                "temporary": held.temp_size_in_bytes,
            }
    answers.append(answer)
print(json.dumps(answers))
"""


def on_devices(config: dict, ways: list[list[int]], what: str) -> list[dict]:
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
    }
    words = [json.dumps(config), json.dumps(ways), what]
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=environment,
    )
    assert child.returncode == 0, child.stderr[-4000:]
    return json.loads(child.stdout.splitlines()[-1])


def plans(config: dict, ways: list[list[int]]) -> list[Plan]:
    made = Config.from_dict(config)
    return [
        make_plan(made, devices=devices, memory=GB, shards=shards, min_rows=min_rows)
        for shards, min_rows, devices in ways
    ]


@pytest.mark.slow
def test_the_plan_is_what_eight_devices_hold():
    pytest.importorskip("jax")
    config = SYNTHETIC | {
        "retrieval": {"embedding_dim": 16, "batch_size": 64},
        "features": {"history_length": 4},
    }
    ways = [[1, 400, 8], [2, 400, 8], [4, 400, 8], [8, 9, 8], [3, 400, 6]]
    seen = set()
    for plan, found in zip(plans(config, ways), on_devices(config, ways, "build"), strict=True):
        shapes = {
            path.partition("/")[2].removesuffix("/embeddings"): shape
            for path, shape in found["shapes"].items()
            if path.endswith("/embeddings")
        }
        assert set(shapes) == {table.name for table in plan.tables}
        for table in plan.tables:
            (rows, dim), part = shapes[table.name]
            assert [rows, dim] == [table.rows, table.dim]
            axis = {"whole": None, "rows": 0, "columns": 1}[table.placement]
            assert part == [
                n // plan.shards if i == axis else n for i, n in enumerate((rows, dim))
            ], (table, part)
            seen.add(table.placement)
            key = table.name.replace("/", "_")
            slots = [s for path, s in found["shapes"].items() if f"{key}_embeddings_" in path]
            assert [shape for _, shape in slots] == [part, part]
            assert table.device_bytes == 12 * prod(part)
    assert seen == {"whole", "rows", "columns"}


@pytest.mark.slow
def test_the_formula_is_what_the_compiled_step_moves_and_holds():
    pytest.importorskip("jax")
    config = SYNTHETIC | {
        "retrieval": {"embedding_dim": 16, "batch_size": 96},
        "features": {"history_length": 4},
    }
    # Tables split by rows alone; the batch alone; both, with tables split by columns.
    ways = [[3, 400, 3], [1, 400, 8], [4, 400, 8]]
    ratios = []
    for plan, found in zip(plans(config, ways), on_devices(config, ways, "compile"), strict=True):
        moved = sum(size for _, sizes, _ in found["moves"] for size in sizes)
        ratios.append(plan.traffic.total / moved)
        weights = plan.device_bytes - plan.step_bytes
        batch = 4 * 96 * 12
        assert weights <= found["arguments"] <= weights + batch + 1_000
        # The softmax, the pooling of the history of 4, and the sum of at most 2 genres.
        products = 6 * 96**2 * 17 + 4 * 96 * 4 * 16 + 2 * 96 * 2 * 16
        computed = products * plan.shards // plan.devices
        assert found["products"] <= computed
        if plan.shards < 4:
            assert found["products"] == computed
        assert 0.4 < found["temporary"] / plan.step_bytes < 1.3
    assert ratios[0] == pytest.approx(1, abs=1e-3)
    assert all(1 <= ratio < 1.6 for ratio in ratios), ratios


def planned(**options) -> Plan:
    given = {"devices": 8, "memory": 16 * GB, "users": 99_999_999, "items": 1_999_999}
    return make_plan(Config.from_dict(SYNTHETIC), **(given | options))


def test_the_fewest_shards_that_fit_are_chosen():
    assert planned().shards == 8
    assert planned(memory=30 * GB).shards == 4
    assert planned(memory=200 * GB).shards == 1
    assert planned(memory=200 * GB, shards=2).shards == 2


def test_whole_tables_move_no_lookups_and_split_ones_do():
    whole, split = planned(shards=1), planned(shards=8)
    assert whole.traffic.lookups == split.traffic.mask == split.traffic.negatives == 0
    assert split.traffic.lookups > 0
    assert {table.placement for table in whole.tables} == {"whole"}
    assert {table.placement for table in split.tables} == {"rows"}
    assert whole.device_bytes - whole.step_bytes == 8 * (split.device_bytes - split.step_bytes)


def test_traffic_does_not_grow_with_the_rows():
    few, many = planned(shards=8, users=9_999_999), planned(shards=8, users=999_999_999)
    assert few.traffic == many.traffic


def test_what_does_not_fit_is_said_with_by_how_much_and_what_helps():
    plan = planned(users=999_999_999)
    assert not plan.fits
    assert plan.missing == plan.device_bytes - 16 * GB
    message = plan.message()
    assert "query_tower/user_embedding (1,000,000,000 x 64, rows), takes 96 GB" in message
    assert "64 devices" in message
    assert "embedding_dim = 8 in place of 64" in message
    assert "into 125,000,000 buckets" in message
    assert "user_id = false" in message
    # What is advised is true.
    assert planned(users=999_999_999, devices=64).fits
    assert planned(users=124_999_999).fits


def test_a_table_that_does_not_divide_is_named():
    plan = planned(users=100_000_000, shards=8)
    by_name = {table.name: table.placement for table in plan.tables}
    assert by_name["query_tower/user_embedding"] == "columns"
    plan = planned(items=2_000_000, shards=8)
    assert [table.name for table in plan.undivided] == ["candidate_bias"]


def test_the_data_are_counted_as_training_counts_them():
    plan = make_plan(Config.from_dict(SYNTHETIC), devices=1, memory=GB)
    rows = {table.name: table.rows for table in plan.tables}
    assert rows["candidate_tower/item_embedding"] == 501
    assert rows["query_tower/segment_embedding"] == 9
    larger = make_plan(Config.from_dict(SYNTHETIC), devices=1, memory=GB, items=7)
    changed = {t.name: t.rows for t in larger.tables if t.rows != rows[t.name]}
    names = ("candidate_bias", "candidate_tower/item_embedding", "query_tower/history_embedding")
    assert changed == dict.fromkeys(names, 8)


def test_data_larger_than_memory_is_counted_as_it_streams_by(tmp_path):
    for part in range(3):
        events = {"who": [f"u{n % 70}" for n in range(part, 200)], "film": range(part, 200)}
        pl.DataFrame(events).write_parquet(tmp_path / f"{part}.parquet")
    pl.DataFrame({"film": [7, 900, 901]}).write_parquet(tmp_path / "films.parquet")
    files = {
        "interactions": f"{tmp_path}/[0-9].parquet",
        "items": str(tmp_path / "films.parquet"),
        "user": "who",
        "item": "film",
    }

    def rows(**options) -> dict[str, int]:
        config = Config.from_dict({"data": files})
        plan = make_plan(config, devices=1, memory=GB, stream=True, **options)
        return {table.name: table.rows for table in plan.tables}

    assert rows()["query_tower/user_embedding"] == 71
    assert rows()["candidate_tower/item_embedding"] == 203
    assert rows(items=9)["candidate_tower/item_embedding"] == 10
    files["item"] = "flim"
    with pytest.raises(SchemaError, match=r"films\.parquet expected a column 'flim'.*'film'"):
        rows()
    (tmp_path / "1.parquet").write_bytes(b"no")
    files["item"] = "film"
    with pytest.raises(DataError, match=r"Cannot read '.*1\.parquet' as Parquet"):
        rows()
    with pytest.raises(ConfigError, match="received dataset = 'synthetic'"):
        make_plan(Config.from_dict(SYNTHETIC), devices=1, memory=GB, stream=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"devices": 0}, "devices expected a whole number from 1 up; received 0"),
        ({"memory": 0}, "memory expected"),
        ({"min_rows": 0}, "min_rows expected"),
        ({"users": 0}, "users expected a whole number from 1 up; received 0"),
        ({"items": -1}, "items expected"),
        ({"shards": 3}, "a divisor of the number of devices, 8; received 3"),
        ({"devices": 3, "shards": 1}, "1,024 does not divide evenly into the 3 parts"),
    ],
)
def test_wrong_arguments_are_named(options, said):
    with pytest.raises(ConfigError, match=said):
        planned(**options)


@pytest.mark.parametrize(
    ("text", "size"),
    [("16GB", 16 * GB), ("16 gib", 16 * 2**30), ("0.5MB", 500_000), ("7B", 7), ("1TB", 1000 * GB)],
)
def test_sizes_are_read(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("16", "names no unit"),
        ("16G", "Did you mean 'GB'"),
        ("16GBs", "Did you mean"),
        ("-1GB", "received '-1GB'"),
        ("GB", "received 'GB'"),
        ("", "received ''"),
        ("0GB", "which is none"),
        ("1e3GB", "received '1e3GB'"),
        ("nanGB", "received"),
    ],
)
def test_wrong_sizes_are_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_bytes(text)


@pytest.mark.parametrize("amount", [0, 1, 999, 999.6, 1_000, 999_500, 999_499, 10**15, 3 * 10**18])
def test_sizes_are_shown_in_few_digits(amount):
    number, unit = show_bytes(amount).split()
    assert float(number) < 1000 or unit == "TB"
    assert float(number) * {"B": 1}.get(unit, parse_bytes(f"1{unit}")) == pytest.approx(
        amount, 0.01
    )

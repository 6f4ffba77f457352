"""Batch work on a local Ray gives what one machine gives."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest

from shortlist.errors import ConfigError, MissingDependencyError, SchemaError, WorkerError
from shortlist.features import Categorical, Encoder, MultiCategorical, Numeric
from shortlist.recommender import Recommender, on_ray, recommend_all
from shortlist.recommender.storage import latest_version

# Ray warns of its own names.
pytestmark = [pytest.mark.filterwarnings("ignore")]
FRAMEWORKS = ("keras", "tensorflow", "jax", "torch")


@pytest.fixture(scope="module")
def ray():
    library = pytest.importorskip("ray")
    import ray.data  # noqa: F401

    library.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=100_000_000,
        runtime_env={"env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}},
    )
    yield library
    library.shutdown()


@pytest.mark.slow
def test_everybody_gets_the_same_file_and_a_stopped_call_goes_on(ray, bundle, tmp_path):
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    recommender = Recommender.load(bundle)
    rows = recommend_all(recommender, one, k=5, users_a_part=1, where="year > 1990")
    seen = []
    given = {"k": 5, "users_a_part": 1, "where": "year > 1990"}

    def stop(done, total):
        seen.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_ray.recommend_all(bundle, two, workers=1, on_progress=stop, **given)
    assert seen == [(0, 3), (1, 3), (2, 3)]
    seen.clear()
    assert (
        on_ray.recommend_all(bundle, two, on_progress=lambda *done: seen.append(done), **given)
        == rows
    )
    assert seen == [(2, 3), (3, 3)]
    assert two.read_bytes() == one.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.parquet", "two.parquet"]


@pytest.mark.slow
def test_a_catalogue_is_embedded_as_on_one_machine(ray, bundle, film_items, tmp_path):
    expected = Recommender.load(bundle).embed_items(film_items)
    dataset = ray.data.from_arrow(film_items.to_arrow())
    found = pl.concat(
        pl.DataFrame(block)
        for block in on_ray.embed(dataset, bundle).iter_batches(batch_format="pyarrow")
    )
    assert found.columns == [*film_items.columns, "vector"]
    assert found["item"].to_list() == film_items["item"].to_list()
    np.testing.assert_array_equal(np.stack(found["vector"].to_numpy()), expected)


@pytest.mark.slow
def test_rows_are_encoded_as_on_one_machine(ray, film_items):
    specs = [Categorical("title"), MultiCategorical("genres"), Numeric("year")]
    encoder = Encoder(specs).fit(film_items)
    expected = encoder.transform(film_items)
    dataset = ray.data.from_arrow(film_items.to_arrow())
    found = list(on_ray.encode(dataset, encoder).iter_batches(batch_size=None))
    assert set(found[0]) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(np.concatenate([block[name] for block in found]), values)


@pytest.mark.slow
def test_a_worker_loads_no_training_framework(ray, bundle):
    version = latest_version(bundle)

    def loaded(block):
        on_ray._Lists(version, on_ray.read_manifest(version).fingerprint, (5, 10, {})).__call__(
            block
        )
        return {"name": [name for name in FRAMEWORKS if name in sys.modules] or ["none"]}

    rows = ray.data.from_items([{"part": 0}]).map_batches(loaded, batch_format="pyarrow").take_all()
    assert [row["name"] for row in rows] == ["none"]


@pytest.mark.slow
def test_another_bundle_on_a_worker_is_an_error(ray, bundle, monkeypatch, tmp_path):
    work = on_ray.Work(Recommender.load(bundle), 5, 10, {})
    with pytest.raises(WorkerError, match=r"BundleError: A worker found another bundle"):
        list(on_ray._made(ray, [0], 1, (latest_version(bundle), "0" * 64, work.call)))


def test_options_are_judged_before_any_worker_starts(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "_library", lambda: None)
    with pytest.raises(ConfigError, match="k expected"):
        on_ray.recommend_all(bundle, tmp_path / "x", k=99)
    with pytest.raises(SchemaError, match="yeer"):
        on_ray.recommend_all(bundle, tmp_path / "x", where="yeer > 3")
    assert not list(tmp_path.iterdir())


def test_without_ray_the_error_names_the_extra(bundle, film_items, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for call in (
        lambda: on_ray.recommend_all(bundle, tmp_path / "x"),
        lambda: on_ray.embed(None, bundle),
        lambda: on_ray.encode(None, Encoder([Numeric("year")]).fit(film_items)),
    ):
        with pytest.raises(MissingDependencyError, match=r"pip install 'shortlist\[ray\]'"):
            call()

from __future__ import annotations

import numpy as np
import pytest

from shortlist.errors import BundleError, ConfigError, DataError
from shortlist.index import Exact, Faiss
from shortlist.index.tuning import RecallWarning, overlap
from shortlist.testing import IndexTests

faiss = pytest.importorskip("faiss")


class TestFlat(IndexTests):
    def make(self):
        return Faiss(threads=1)


class TestParts(IndexTests):
    def make(self):
        return Faiss(kind="ivf", threads=1)


def clustered(n, dim=16, seed=0):
    """Vectors with structure, and norms that differ, as those of trained towers."""
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((40, dim))
    vectors = centres[draw.integers(0, 40, n)] + 0.6 * draw.standard_normal((n, dim))
    return (vectors * draw.gamma(4, 0.25, (n, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def built():
    vectors = clustered(6000)
    return Faiss(kind="ivf", threads=1).build(vectors, np.arange(6000)), vectors


def recall(index, exact, queries, k, **filters):
    found = index.search(queries, k, **filters).ids
    true = exact.search(queries, k, **filters).ids
    return overlap(found, true).mean()


def test_the_kind_goes_by_size(monkeypatch):
    monkeypatch.setattr(Faiss, "smallest", 2000)
    index = Faiss(threads=1).build(clustered(1500), np.arange(1500))
    assert index.is_exact
    assert index.stats()["kind"] == "flat"
    index.upsert(clustered(3000), np.arange(1500, 4500))
    assert not index.is_exact
    assert index.stats()["parts"] == 134
    assert Faiss(kind="flat").build(clustered(2500), np.arange(2500)).is_exact


def test_tune_reaches_the_recall_with_as_little_as_it_takes(built):
    index, vectors = built
    queries, exact = clustered(400, seed=7), Exact().build(vectors, np.arange(6000))
    searched = []
    for wanted in (0.8, 0.99):
        tuning = index.tune(wanted, k=20, queries=queries)
        assert tuning.reached
        assert (index.searched, index.rescored) == (tuning.chosen.searched, tuning.chosen.rescored)
        assert recall(index, exact, queries, 20) == pytest.approx(tuning.chosen.recall, abs=0.01)
        searched.append(index.searched)
    assert searched[0] < searched[1] < index.stats()["parts"]
    table = tuning.table()
    assert table["chosen"].sum() == 1
    assert table["recall"].is_sorted()
    curve = tuning.curve()
    assert [t.milliseconds for t in curve] == sorted(t.milliseconds for t in curve)
    assert tuning.to_dict()["chosen"]["recall"] == tuning.chosen.recall


def test_tune_without_queries_and_of_a_flat_index():
    index = Faiss().build(clustered(300), np.arange(300))
    tuning = index.tune()
    assert (tuning.chosen, tuning.reached, tuning.trials) == (None, True, ())
    assert tuning.table().height == 0
    assert (
        Faiss(kind="ivf", threads=1).build(clustered(900), range(900)).tune(k=5, sample=64).reached
    )


def test_tune_says_when_it_cannot_reach_what_is_asked():
    # One dimension a code of four bits cannot tell these apart.
    vectors = 1 + 1e-4 * np.random.default_rng(0).standard_normal((20_000, 4))
    index = Faiss(kind="ivf", threads=1).build(vectors, np.arange(20_000))
    with pytest.warns(RecallWarning, match="the best is"):
        tuning = index.tune(1.0, k=5, queries=np.random.default_rng(1).normal(size=(50, 4)))
    assert not tuning.reached


def test_filters_find_the_best_of_what_they_leave(built):
    index, vectors = built
    queries, exact = clustered(200, seed=8), Exact().build(vectors, np.arange(6000))
    index.tune(0.95, k=20, queries=queries)
    draw = np.random.default_rng(0)
    for share in (0.02, 0.2, 0.7):
        allow = np.flatnonzero(draw.random(6000) < share)
        assert recall(index, exact, queries, 20, allow=allow) > 0.93
        assert recall(index, exact, queries, 20, deny=allow) > 0.93
    seen = [draw.integers(0, 6000, 300) for _ in queries]
    assert recall(index, exact, queries, 20, deny=seen) > 0.93


def test_updates_keep_the_recall():
    index, exact = (
        engine.build(clustered(4000), np.arange(4000))
        for engine in (Faiss(kind="ivf", threads=1), Exact())
    )
    queries = clustered(100, seed=9)
    for step in range(6):
        for engine in (index, exact):
            engine.upsert(clustered(2500, seed=20 + step), np.arange(2500) + 1700 * step)
            engine.remove(np.arange(100 * step, 100 * step + 50))
        assert len(index) == len(exact)
        assert recall(index, exact, queries, 10) > 0.9
    assert index.stats()["late_rows"] < 5000


def test_settings_are_saved_and_a_file_of_another_index_is_refused(tmp_path, built):
    index, _ = built
    index.searched, index.rescored = 9, 3.0
    index.save(tmp_path / "index")
    again = Faiss.load(tmp_path / "index")
    assert (again.searched, again.rescored, again.stats()["kind"]) == (9, 3.0, "ivf")
    assert again.stats()["memory_mapped"]
    queries = clustered(5, seed=3)
    assert again.search(queries, 7).lists() == index.search(queries, 7).lists()
    with pytest.raises(BundleError, match="engine"):
        Exact.load(tmp_path / "index")


def test_what_cannot_be(built):
    for wrong in ({"kind": "hnsw"}, {"searched": 0}, {"rescored": 0.5}, {"threads": -1}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            Faiss(**wrong)
    index, _ = built
    for wrong in ({"recall": 0}, {"recall": 1.5}, {"k": 0}, {"batch": 0}, {"sample": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            index.tune(**wrong)
    with pytest.raises(DataError, match="dimension"):
        index.tune(queries=np.ones((3, 5)))
    with pytest.raises(DataError, match="at least one query"):
        index.tune(queries=np.ones((0, 16)))


def test_overlap_counts_what_is_there():
    assert overlap(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [4, 9]])).tolist() == [1.0, 0.5]
    assert overlap(np.array([[-1, -1]]), np.array([[-1, -1]])).tolist() == [1.0]
    assert overlap(np.array([[-1, -1]]), np.array([[0, -1]])).tolist() == [0.0]

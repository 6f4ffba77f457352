from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import BundleError, ConfigError, DataError
from shortlist.index import Exact
from shortlist.testing import IndexTests, MockIndex


class TestExact(IndexTests):
    def make(self):
        return Exact()


class TestExactInSmallBlocks(IndexTests):
    def make(self):
        return Exact(kernel="numpy", block_size=37)


@given(
    n=st.integers(1, 60),
    batch=st.integers(1, 4),
    k=st.integers(1, 70),
    block=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_blocks_of_any_size_find_the_same(n, batch, k, block, seed):
    draw = np.random.default_rng(seed)
    vectors = draw.integers(-2, 3, (n, 3))
    queries = draw.integers(-2, 3, (batch, 3))
    index = Exact(kernel="numpy", block_size=block).build(vectors, np.arange(n))
    mock = MockIndex().build(vectors, np.arange(n))
    deny = [draw.integers(0, n, draw.integers(0, n)) for _ in range(batch)]
    gone = draw.choice(n, n // 3, replace=False)
    index.remove(gone)
    mock.remove(gone)
    for allow in (None, np.arange(0, n, 2), [np.arange(n // 2)] * batch):
        found = index.search(queries, k, allow=allow, deny=deny)
        assert found.lists() == mock.search(queries, k, allow=allow, deny=deny).lists()


def test_many_queries_and_rows_meet_the_full_sort():
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((20_000, 16), dtype=np.float32)
    queries = draw.standard_normal((1500, 16), dtype=np.float32)
    found = Exact(kernel="numpy").build(vectors, np.arange(20_000)).search(queries, 25)
    scores = queries @ vectors.T
    np.testing.assert_allclose(found.scores, -np.sort(-scores, axis=1)[:, :25], rtol=1e-4)
    np.testing.assert_allclose(
        np.take_along_axis(scores, found.ids, axis=1), found.scores, rtol=1e-4
    )


def test_updates_are_spread_over_compactions():
    index = Exact().build(np.ones((2000, 2)), np.arange(2000))
    for _ in range(5):
        index.upsert(np.ones((1500, 2)), np.arange(1500))
    assert len(index) == 2000
    assert index.stats()["removed_rows"] <= 2000


def test_loaded_vectors_stay_on_disk_until_they_change(tmp_path):
    Exact().build(np.eye(4), list("abcd")).save(tmp_path / "index")
    index = Exact.load(tmp_path / "index")
    assert index.stats()["memory_mapped"]
    index.upsert(np.full((1, 4), 9.0), ["e"])
    assert index.search(np.ones((1, 4)), 2).lists() == [["e", "a"]]
    assert Exact.load(tmp_path / "index").search(np.ones((1, 4)), 9).lists() == [list("abcd")]


def test_an_emptied_index_can_be_saved(tmp_path):
    index = Exact().build(np.eye(2), ["a", "b"])
    index.remove(["a", "b"])
    index.save(tmp_path / "index")
    again = Exact.load(tmp_path / "index")
    assert (len(again), again.stats()["dim"]) == (0, 2)
    again.upsert(np.eye(2), ["a", "b"])
    assert again.search(np.eye(2), 1).lists() == [["a"], ["b"]]


def test_only_ids_that_files_can_hold_are_saved(tmp_path):
    with pytest.raises(DataError, match="tuple"):
        Exact().build(np.eye(1), [("a", 1)]).save(tmp_path / "index")
    assert not list(tmp_path.iterdir())


def test_another_engine_is_refused(tmp_path):
    MockIndex().build(np.eye(2), [1, 2]).save(tmp_path / "index")
    with pytest.raises(BundleError, match="'exact'"):
        Exact.load(tmp_path / "index")


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_block_size_is_checked(size):
    with pytest.raises(ConfigError, match="block_size"):
        Exact(block_size=size)


def test_huge_numbers_are_refused_before_they_overflow():
    with pytest.raises(DataError, match="row 0"):
        Exact().build(np.array([[1e30]]), [1])

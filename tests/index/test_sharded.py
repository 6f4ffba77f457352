from __future__ import annotations

import gc
import threading
from functools import partial

import numpy as np
import pytest

from shortlist.errors import ConfigError, WorkerError
from shortlist.index import Exact, _crew
from shortlist.index.sharded import Sharded
from shortlist.testing import IndexTests, MockIndex


class InThread:
    """What stands for a process: the same life, without the second that spawning one takes."""

    exitcode = 0

    def __init__(self, connection, handler):
        self.connection = connection
        self._thread = threading.Thread(target=_crew.serve, args=(connection, handler), daemon=True)
        self._thread.start()
        self.join, self.is_alive = self._thread.join, self._thread.is_alive

    def kill(self):
        self.connection.close()


class TestSharded(IndexTests):
    @pytest.fixture(autouse=True)
    def _threads(self, monkeypatch):
        monkeypatch.setattr(_crew, "_start", lambda theirs, handler, _: InThread(theirs, handler))

    def make(self):
        return Sharded(Exact, shards=3)


@pytest.mark.slow
def test_processes_do_all_that_an_index_does(tmp_path):
    draw = np.random.default_rng(0)
    vectors = draw.integers(-3, 4, (3000, 8)).astype(np.float32)
    queries, ids = vectors[:20], np.arange(3000)
    mock = MockIndex().build(vectors, ids, attributes={"n": ids % 10})
    with Sharded(partial(Exact, kernel="numpy"), shards=2) as index:
        index.build(vectors, ids, attributes={"n": ids % 10})
        processes = [worker.process for worker in index._crew.workers]
        for engine in (index, mock):
            engine.upsert(vectors[:50] * 2, ids[-50:])
            engine.remove(ids[:30])
        index.save(tmp_path / "index")
        with Sharded.load(tmp_path / "index") as again:
            for engine in (index, again):
                for options in ({}, {"where": "n == 3"}, {"deny": [[40, 41]] * 20}):
                    found = engine.search(queries, 15, **options)
                    assert found.lists() == mock.search(queries, 15, **options).lists()
        assert len({part["engine"] for part in index.stats()["parts"]}) == 1
    assert not any(process.is_alive() for process in processes)


@pytest.mark.slow
def test_a_killed_worker_is_an_error_and_no_hang():
    index = Sharded(Exact, shards=2).build(np.eye(4), list("abcd"))
    index._crew.workers[1].process.kill()
    for use in (
        lambda index: index.search(np.eye(4), 2),
        lambda index: index.search(np.eye(4), 2),
        lambda index: index.upsert(np.eye(4)[:1], ["e"]),
        lambda index: index.vectors(["a"]),
    ):
        with pytest.raises(WorkerError, match=r"shard 1 has ended \(signal 9\)"):
            use(index)
    index.build(np.eye(4), list("wxyz"))
    assert index.search(np.eye(4), 1).lists() == [["w"], ["x"], ["y"], ["z"]]
    processes = [worker.process for worker in index._crew.workers]
    del index
    gc.collect()
    assert not any(process.is_alive() for process in processes)


def test_a_closed_index_says_so(monkeypatch):
    monkeypatch.setattr(_crew, "_start", lambda theirs, handler, _: InThread(theirs, handler))
    with Sharded(Exact, shards=2).build(np.eye(2), [1, 2]) as index:
        assert index.search(np.eye(2), 1).lists() == [[1], [2]]
    index.close()
    with pytest.raises(WorkerError, match="closed"):
        index.search(np.eye(2), 1)


def test_parts_that_cannot_follow_a_change_are_not_searched(monkeypatch):
    monkeypatch.setattr(_crew, "_start", lambda theirs, handler, _: InThread(theirs, handler))
    with Sharded(Exact, shards=2).build(np.eye(2), [1, 2]) as index:

        def fail(*_: object) -> None:
            raise MemoryError("no more")

        with monkeypatch.context() as broken:
            broken.setattr(Exact, "upsert", fail)
            with pytest.raises(WorkerError, match="MemoryError: no more"):
                index.upsert(np.eye(2), [3, 4])
        with pytest.raises(WorkerError, match="no longer"):
            index.search(np.eye(2), 1)


@pytest.mark.parametrize(("factory", "shards"), [(Exact, 0), (Exact, True), (3, 2), (dict, 2)])
def test_what_it_is_made_of_is_checked(factory, shards):
    with pytest.raises(ConfigError, match="Expected"):
        Sharded(factory, shards=shards)

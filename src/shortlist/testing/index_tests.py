"""`IndexTests`: what every index must do, as tests to subclass."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shortlist.errors import BundleError, DataError
from shortlist.testing._cases import check_form, draw_ids, small_integers
from shortlist.testing._index_errors import IndexErrorTests
from shortlist.testing._index_where import IndexWhereTests

__all__ = ["IndexTests"]


class IndexTests(IndexWhereTests, IndexErrorTests):
    """Subclass this in your tests as ``TestX`` and say how an engine is made.

    An approximate engine is held to everything but finding all of the true best.
    """

    # What a search finds.

    def test_finds_the_best_and_breaks_ties_by_order(self) -> None:
        self.check(*self.pair())

    def test_an_approximate_engine_says_so_and_finds_most(self) -> None:
        index, mock = self.pair()
        queries = self.queries(20)
        found, true = index.search(queries, 10), mock.search(queries, 10)
        # By score, since many items tie.
        enough = found.scores >= true.scores[:, -1:]
        assert enough.mean() >= (1.0 if index.is_exact else 0.8)

    def test_a_query_alone_is_answered_as_in_a_batch(self) -> None:
        index, queries = self.built(), self.queries(6)
        together = index.search(queries, 9).lists()
        assert [index.search(q[None], 9).lists()[0] for q in queries] == together

    @pytest.mark.parametrize(
        "ids",
        [
            [3, 1, 2],
            ["a", "ß", "a much longer one"],
            [b"x", b"y\x00", b""],
            [("shop", 1), ("shop", 2), ("mall", 1)],
            [None, "a", 7],
        ],
    )
    def test_ids_of_any_kind(self, ids: list[Any]) -> None:
        index = self.make().build(np.eye(3), ids)
        assert index.search(np.array([[1.0, 3.0, 2.0]]), 3).lists() == [[ids[1], ids[2], ids[0]]]
        index.remove([ids[1]])
        assert index.search(np.array([[1.0, 3.0, 2.0]]), 3).lists() == [[ids[2], ids[0]]]
        assert index.search(np.eye(3), 3, deny=[[i] for i in ids]).lists()[2] == [ids[0]]

    def test_places_beyond_the_last_item_are_invalid(self) -> None:
        found = self.built(rows=5).search(self.queries(2), 8)
        check_form(found, 2, 8)
        assert found.valid.sum(axis=1).tolist() == [5, 5]

    def test_a_query_of_zeros_is_answered(self) -> None:
        found = self.built().search(np.zeros((1, self.dim)), 4)
        assert found.valid.all()
        assert found.scores.tolist() == [[0.0] * 4]

    def test_no_queries_give_no_lists(self) -> None:
        assert self.built().search(np.zeros((0, self.dim)), 4).ids.shape == (0, 4)

    def test_what_was_passed_may_change_afterwards(self) -> None:
        vectors, ids = np.eye(3, dtype=np.float32), np.array([1, 2, 3])
        index = self.make().build(vectors, ids)
        vectors[:] = 0
        ids[:] = 9
        assert index.search(np.array([[0.0, 1.0, 0.0]]), 1).lists() == [[2]]

    # Filters.

    def test_deny_lists(self) -> None:
        index, mock = self.pair()
        draw = np.random.default_rng(2)
        self.check(index, mock, deny=lambda b: [draw_ids(draw, self.rows, 900) for _ in range(b)])
        self.check(index, mock, deny=lambda b: np.arange(90, 1500))
        self.check(index, mock, deny=lambda b: [[]] * b)
        self.check(index, mock, deny=lambda b: np.array([], dtype=np.int64))

    def test_allow_lists(self) -> None:
        index, mock = self.pair()
        draw = np.random.default_rng(3)
        for size in (5, 900):
            lists = [draw_ids(draw, self.rows, size) for _ in range(5)]
            self.check(index, mock, allow=lambda b, lists=lists: lists[:b])
        self.check(index, mock, allow=lambda b: np.arange(1500, 5000))
        self.check(index, mock, allow=lambda b: [[]] * b)
        self.check(index, mock, allow=lambda b: np.array([-5]))

    def test_deny_is_stronger_than_allow(self) -> None:
        index, mock = self.pair()
        own = [[102, 103, 104, 104], [200], [-1], [], [300, 301]]
        for allow in (lambda b: own[:b], lambda b: np.arange(100, 350)):
            self.check(index, mock, allow=allow, deny=lambda b: [[103, 250]] * b)
            self.check(index, mock, allow=allow, deny=lambda b: np.array([250, 301, 104]))

    def test_unknown_ids_in_filters_are_passed_over(self) -> None:
        found = self.built(rows=3).search(self.queries(1), 3, allow=[[-7, 101]], deny=[["x"]])
        assert found.lists() == [[101]]

    # Updates.

    def test_any_sequence_of_updates_is_that_of_a_dictionary(self) -> None:
        index, mock = self.pair()
        draw = np.random.default_rng(4)
        for step in range(30):
            known = np.array(mock.search(np.zeros((1, self.dim)), len(mock)).lists()[0])
            if step % 3 == 2:
                gone = draw.choice(known, len(known) // 3, replace=False)
                index.remove(gone)
                mock.remove(gone)
            else:
                old = draw.choice(known, min(50, len(known)), replace=False)
                ids = np.concatenate([old, 10_000 + 1000 * step + np.arange(draw.integers(1, 90))])
                vectors = small_integers(len(ids), self.dim, step)
                index.upsert(vectors, ids)
                mock.upsert(vectors, ids)
            assert len(index) == len(mock)
            self.check(index, mock, deny=lambda b, known=known: [known[:50]] * b)
        self.check(index, mock, allow=lambda b: np.arange(0, 50_000, 3))

    def test_vectors_come_back_by_id(self) -> None:
        index, mock = self.pair()
        for engine in (index, mock):
            engine.remove([100, 102])
            engine.upsert(np.full((2, self.dim), 9.0, dtype=np.float32), [7, 101])
        asked = [101, 250, 7, 250]
        np.testing.assert_allclose(index.vectors(asked), mock.vectors(asked))
        assert index.vectors([]).shape == (0, self.dim)
        for engine in (index, mock):
            assert engine.known([101, 100, 7]).tolist() == [True, False, True]
        with pytest.raises(DataError, match="100"):
            index.vectors([101, 100])

    def test_an_emptied_index_answers_and_fills_again(self) -> None:
        index = self.built(rows=4)
        index.remove([100, 101, 102, 103])
        assert len(index) == 0
        assert index.search(self.queries(1), 2).lists() == [[]]
        index.upsert(np.ones((1, self.dim)), [101])
        assert index.search(self.queries(1), 2).lists() == [[101]]

    def test_build_replaces(self) -> None:
        index = self.built()
        index.build(np.eye(2), ["a", "b"])
        assert len(index) == 2
        assert sorted(index.search(np.eye(2)[:1], 5).lists()[0]) == ["a", "b"]

    def test_searches_during_updates_see_one_state(self) -> None:
        """Every vector is worth its version, so a mixture would show as two different scores."""
        n, one = 600, np.ones((1, 2), dtype=np.float32)
        base = np.ones((n, 2), dtype=np.float32) / 2
        index = self.make().build(base, np.arange(n))
        stop, seen = threading.Event(), []

        def read() -> None:
            while not stop.is_set():
                seen.append(index.search(one, n, deny=[[3]]))

        reader = threading.Thread(target=read)
        reader.start()
        for version in range(2, 40):
            index.upsert(base * version, np.arange(n))
        stop.set()
        reader.join()
        for found in seen:
            assert found.valid.sum() == n - 1
            assert len(set(found.scores[found.valid].tolist())) == 1
            assert 3 not in found.lists()[0]

    # Storage.

    @pytest.mark.parametrize("kind", [int, str])
    def test_saved_and_loaded(self, tmp_path: Path, kind: type) -> None:
        if not self.saves:
            pytest.skip("this engine has no storage")
        ids = [kind(i) for i in range(self.rows)]
        index = self.make().build(small_integers(self.rows, self.dim), ids)
        index.remove(ids[:10])
        index.save(tmp_path / "index")
        again = type(index).load(tmp_path / "index")
        queries = self.queries(5)
        assert len(again) == self.rows - 10
        found = again.search(queries, 20)
        assert found.lists() == index.search(queries, 20).lists()
        again.remove([found.lists()[0][0]])
        again.upsert(100 * queries[:1], [kind(3)])
        assert again.search(queries, 20).lists()[0] == [kind(3), *found.lists()[0][1:]][:20]

    @pytest.mark.parametrize("harm", ["alter", "cut", "lose"])
    def test_a_damaged_file_is_refused(self, tmp_path: Path, harm: str) -> None:
        if not self.saves:
            pytest.skip("this engine has no storage")
        self.built().save(tmp_path / "index")
        for file in [f for f in (tmp_path / "index").rglob("*") if f.is_file()]:
            data = file.read_bytes()
            middle = len(data) // 2
            if harm == "lose":
                file.unlink()
            elif harm == "cut":
                file.write_bytes(data[:middle])
            else:
                file.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
            with pytest.raises(BundleError):
                type(self.make()).load(tmp_path / "index")
            file.write_bytes(data)
        assert len(type(self.make()).load(tmp_path / "index")) == self.rows

    def test_a_newer_format_is_refused(self, tmp_path: Path) -> None:
        if not self.saves:
            pytest.skip("this engine has no storage")
        self.built(rows=5).save(tmp_path / "index")
        manifest = tmp_path / "index" / "manifest.json"
        content = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**content, "format_version": 1000}))
        with pytest.raises(BundleError, match="1000"):
            type(self.make()).load(tmp_path / "index")

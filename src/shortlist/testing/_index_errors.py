"""`IndexErrorTests`: what every index must refuse, part of `IndexTests`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shortlist.errors import ConfigError, DataError, NotFittedError
from shortlist.index import Index
from shortlist.testing._cases import check_form, small_integers
from shortlist.testing.mock_index import MockIndex

__all__ = ["IndexErrorTests"]


class IndexErrorTests:
    """How an engine is made and filled, and the errors it owes, each of which changes nothing."""

    rows = 3000
    dim = 8
    # Saving ids is asked for integers and strings; set to False for an engine without storage.
    saves = True
    # Conditions on attributes are asked for; set to False for an engine without `where`.
    has_attributes = True

    def make(self) -> Index:
        """Return a new, empty engine."""
        raise NotFittedError("An IndexTests class has to define make(self).")

    def built(self, rows: int | None = None, seed: int = 0) -> Index:
        """An engine of integer ids from 100 on."""
        n = rows or self.rows
        return self.make().build(small_integers(n, self.dim, seed), np.arange(100, 100 + n))

    def queries(self, batch: int, seed: int = 1) -> np.ndarray:
        """Queries of small integers."""
        return small_integers(batch, self.dim, seed)

    def pair(self, attributes: Any = None) -> tuple[Index, MockIndex]:
        """An engine and the naive index with the same items."""
        vectors, ids = small_integers(self.rows, self.dim), np.arange(100, 100 + self.rows)
        given = {} if attributes is None else {"attributes": attributes}
        return self.make().build(vectors, ids, **given), MockIndex().build(vectors, ids, **given)

    def check(self, index: Index, mock: MockIndex, **filters: Any) -> None:
        """Compare with the naive index: the same scores and, among an exact engine's, ids."""
        for batch, k in ((1, 7), (5, 30)):
            given = {name: value(batch) for name, value in filters.items()}
            queries = self.queries(batch)
            found, expected = (i.search(queries, k, **given) for i in (index, mock))
            check_form(found, batch, k)
            if index.is_exact:
                assert found.lists() == expected.lists()
                np.testing.assert_allclose(found.scores, expected.scores)
            else:
                everything = mock.search(queries, max(1, len(mock)), **given)
                for row, possible in zip(found.lists(), everything.lists(), strict=True):
                    assert set(row) <= set(possible)

    def test_nothing_works_before_build(self, tmp_path: Path) -> None:
        index = self.make()
        assert len(index) == 0
        for use in (
            lambda: index.search(np.ones((1, 2)), 1),
            lambda: index.upsert(np.ones((1, 2)), [1]),
            lambda: index.remove([1]),
            lambda: index.vectors([1]),
            lambda: index.save(tmp_path / "index"),
        ):
            with pytest.raises(NotFittedError, match="build"):
                use()
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("k", [0, -1, 1.5, "3", True, None])
    def test_k_must_be_a_positive_integer(self, k: Any) -> None:
        with pytest.raises(ConfigError, match="k to be a positive integer"):
            self.built(rows=3).search(self.queries(1), k)

    @pytest.mark.parametrize(
        ("vectors", "ids", "message"),
        [
            (np.ones((2, 3)), [1, 1], "1 stands in row 0 and again in row 1"),
            (np.ones((2, 3)), [1], "2 vectors and 1 ids"),
            (np.ones((0, 3)), [], "at least one vector"),
            (np.ones(3), [1], "shape"),
            (np.array([["a"]]), [1], "floating-point"),
            (np.array([[1.0], [np.nan]]), [1, 2], "row 1 has nan"),
            (np.array([[np.inf], [1.0]]), [1, 2], "row 0 has inf"),
            (np.ones((2, 3)), [[1], [2]], "hashable"),
            (np.ones((2, 0)), [1, 2], "at least one vector"),
            (np.ones((2, 3), dtype=complex), [1, 2], "complex"),
            (np.array([[object()]]), [1], "object"),
            ([[1.0, 2.0], [3.0]], [1, 2], "shape"),
        ],
    )
    def test_build_refuses(self, vectors: np.ndarray, ids: Any, message: str) -> None:
        index = self.built(rows=3)
        with pytest.raises(DataError, match=message):
            index.build(vectors, ids)
        assert len(index) == 3

    def test_updates_refuse_and_change_nothing(self) -> None:
        index = self.built(rows=3)
        before = index.search(self.queries(2), 3).lists()
        good = np.ones((2, self.dim))
        refused: list[tuple[Callable[[], None], str]] = [
            (lambda: index.upsert(np.ones((1, self.dim + 1)), [7]), "dimension"),
            (lambda: index.upsert(good, [7, 7]), "again in row 1"),
            (lambda: index.upsert(np.full_like(good, np.nan), [7, 8]), "row 0 has nan"),
            (lambda: index.upsert(np.full_like(good, -np.inf), [100, 8]), "row 0 has -inf"),
            (lambda: index.upsert(good, [7]), "2 vectors and 1 ids"),
            (lambda: index.remove([100, 999]), "999"),
            (lambda: index.remove(["100"]), "'100'"),
            (lambda: index.remove([100, 100]), "again in row 1"),
        ]
        for use, message in refused:
            with pytest.raises(DataError, match=message):
                use()
        assert index.search(self.queries(2), 3).lists() == before

    def test_search_refuses(self) -> None:
        index, query = self.built(rows=3), self.queries(2)
        for wrong, message in (
            (query[0], "Add an axis"),
            (query[:, :-1], "dimension"),
            (query * np.array([[1.0], [np.nan]]), "row 1 has nan"),
            (np.full_like(query, np.inf), "row 0 has inf"),
            (query.astype(str), "floating-point"),
        ):
            with pytest.raises(DataError, match=message):
                index.search(wrong, 1)
        for name in ("allow", "deny"):
            wrong_lists: list[Any] = [[1, 2], ["ab", "cd"], [[1]], 7]
            for lists in wrong_lists:
                with pytest.raises(ConfigError, match=name):
                    index.search(query, 1, **{name: lists})

    def test_stats_are_json(self) -> None:
        stats = self.built(rows=3).stats()
        assert json.loads(json.dumps(stats))["items"] == 3
        assert {"engine", "exact", "items", "dim"} <= stats.keys()

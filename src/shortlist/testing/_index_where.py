"""`IndexWhereTests`: conditions on attributes, part of `IndexTests`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from shortlist.errors import ConfigError, DataError, SchemaError
from shortlist.index import Index
from shortlist.testing._cases import small_integers
from shortlist.testing._index_errors import IndexErrorTests

__all__ = ["IndexWhereTests"]

# From every item down to none, so that both sides of every engine's choice are seen.
CONDITIONS = (
    'genre == "Comedy" and year >= 1990 and in_stock',
    "year == 1971",
    "not in_stock",
    "year >= 1900",
    "year > 3000",
    'genre in ["Drama", "Crime"] or "b" in tags',
)


def draw_attributes(rows: int, seed: int = 0) -> pl.DataFrame:
    """Attributes of several kinds, some missing."""
    draw = np.random.default_rng(seed)
    years = [None if year == 2019 else int(year) for year in draw.integers(1970, 2020, rows)]
    return pl.DataFrame(
        {
            "genre": draw.choice(["Comedy", "Drama", "Crime"], rows),
            "year": years,
            "in_stock": draw.random(rows) < 0.7,
            "tags": [["a", "b"][: int(n)] for n in draw.integers(0, 3, rows)],
        }
    )


class IndexWhereTests(IndexErrorTests):
    """What `where` promises."""

    @pytest.fixture(autouse=True)
    def _only_with_attributes(self, request: pytest.FixtureRequest) -> None:
        if "where" in request.node.name and not self.has_attributes:
            pytest.skip("this engine has no attributes")

    def test_where_keeps_what_meets_the_condition(self) -> None:
        index, mock = self.pair(draw_attributes(self.rows))
        for where in CONDITIONS:
            self.check(index, mock, where=lambda b, where=where: where)

    def test_where_with_allow_and_deny(self) -> None:
        index, mock = self.pair(draw_attributes(self.rows))
        where = CONDITIONS[0]
        for allow in (np.arange(100, 900), np.arange(100, 130)):
            self.check(
                index,
                mock,
                where=lambda b: where,
                allow=lambda b, allow=allow: allow,
                deny=lambda b: np.arange(100, 900, 3),
            )
            self.check(
                index,
                mock,
                where=lambda b: where,
                allow=lambda b, allow=allow: [allow] * b,
                deny=lambda b: [[110, 111, 112]] * b,
            )

    def test_where_loses_nothing_when_few_are_left(self) -> None:
        index, mock = self.pair(draw_attributes(self.rows))
        where = "year == 1971 and in_stock"
        queries = self.queries(8)
        assert (
            index.search(queries, 20, where=where).lists()
            == mock.search(queries, 20, where=where).lists()
        )

    def test_where_stays_true_through_updates(self) -> None:
        index, mock = self.pair(draw_attributes(self.rows))
        where = CONDITIONS[0]
        for step in range(8):
            self.check(index, mock, where=lambda b: where)
            ids = np.concatenate([np.arange(100, 160) + 50 * step, 9000 + 40 * step + np.arange(9)])
            vectors = small_integers(len(ids), self.dim, step)
            table = draw_attributes(len(ids), step) if step % 2 else None
            for engine in (index, mock):
                engine.upsert(vectors, ids, **({} if table is None else {"attributes": table}))
                engine.remove(ids[:7])
        # Enough to make an engine tidy up.
        for engine in (index, mock):
            engine.remove(np.arange(1000, self.rows))
        for condition in CONDITIONS:
            self.check(index, mock, where=lambda b, condition=condition: condition)

    def test_where_a_new_item_has_no_attributes_it_meets_no_condition(self) -> None:
        index = self.make().build(np.eye(2), ["a", "b"], attributes={"year": [1, 2]})
        index.upsert(np.eye(2), ["b", "c"])
        assert index.search(np.ones((1, 2)), 3, where="year > 0").lists()[0] == ["a", "b"]
        assert index.search(np.ones((1, 2)), 3, where="not year > 0").lists() == [[]]

    def test_where_is_saved_and_loaded(self, tmp_path: Path) -> None:
        if not self.saves:
            pytest.skip("this engine has no storage")
        index, mock = self.pair(draw_attributes(self.rows))
        for engine in (index, mock):
            engine.remove(np.arange(100, 120))
        index.save(tmp_path / "index")
        again = type(index).load(tmp_path / "index")
        for where in CONDITIONS:
            self.check(again, mock, where=lambda b, where=where: where)
        for engine in (again, mock):
            engine.upsert(
                np.ones((1, self.dim)), [200], attributes=draw_attributes(1).with_columns(year=1971)
            )
        self.check(again, mock, where=lambda b: "year == 1971")

    def test_where_during_updates_sees_one_state(self) -> None:
        """An item's vector and attribute are its version, so a mixture would show."""
        n, one = 400, np.ones((1, 2), dtype=np.float32)
        base = np.ones((n, 2), dtype=np.float32) / 2
        index = self.make().build(base, np.arange(n), attributes={"version": [1] * n})
        stop, seen = threading.Event(), []

        def read() -> None:
            while not stop.is_set():
                for version in range(1, 20):
                    found = index.search(one, n, where=f"version == {version}")
                    seen.append((version, found))

        reader = threading.Thread(target=read)
        reader.start()
        for version in range(2, 20):
            index.upsert(base * version, np.arange(n), attributes={"version": [version] * n})
        stop.set()
        reader.join()
        assert {int(found.valid.sum()) for _, found in seen} <= {0, n}
        for version, found in seen:
            assert set(found.scores[found.valid].tolist()) <= {float(version)}

    def test_where_refuses_and_changes_nothing(self) -> None:
        index, _ = self.pair(draw_attributes(self.rows))
        query = self.queries(1)
        wrong: list[tuple[Any, type[Exception], str]] = [
            ("yeer > 3", SchemaError, "year"),
            ("__import__('os')", ConfigError, "condition"),
            ("year >", ConfigError, "condition"),
            (["year > 3"], ConfigError, "condition"),
            ('year > "x"', ConfigError, "kinds"),
        ]
        for where, kind, message in wrong:
            with pytest.raises(kind, match=message):
                index.search(query, 1, where=where)
        one = np.ones((1, self.dim))
        refused: list[tuple[Any, type[Exception], str]] = [
            ({"year": [1]}, SchemaError, "genre"),
            (draw_attributes(2), DataError, "2 rows"),
            (draw_attributes(1).with_columns(more=1), SchemaError, "more"),
            (draw_attributes(1).with_columns(year=pl.lit("x")), SchemaError, "kinds"),
            (7, DataError, "data frame"),
        ]
        for attributes, kind, message in refused:
            with pytest.raises(kind, match=message):
                index.upsert(one, [5], attributes=attributes)
        assert not index.known([5])[0]
        with pytest.raises(DataError, match="rows"):
            index.build(one, [1], attributes=draw_attributes(2))
        assert len(index) == self.rows

    def test_where_needs_attributes(self) -> None:
        index: Index = self.built(rows=3)
        with pytest.raises(ConfigError, match="attributes"):
            index.search(self.queries(1), 1, where="year > 3")
        with pytest.raises(ConfigError, match="attributes"):
            index.upsert(np.ones((1, self.dim)), [5], attributes=draw_attributes(1))

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.errors import ConfigError, DataError
from shortlist.postranking import Blocked, Context, Eligible, RecentlyServed, Seen
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestSeen(PostRankerTests):
    def make(self):
        return Seen()

    def test_seen_items_never_come_back_and_others_stay(self):
        pool, context = self.pool(), self.context()
        for row, items in enumerate(Seen()(pool, context).lists()):
            met = {*context.queries.history[row].tolist(), *context.queries.exclude[row].tolist()}
            assert items == [i for i in pool.lists()[row] if i not in met]


class TestBlocked(PostRankerTests):
    def make(self):
        return Blocked(column="genres", values=["horror", "western"])

    def test_only_blocked_items_go(self):
        pool, context = self.pool(), self.context()
        genres = dict(self.items(int).select("item", "genres").iter_rows())
        for row, items in enumerate(self.make()(pool, context).lists()):
            assert items == [i for i in pool.lists()[row] if "horror" not in genres.get(i, [])]
        unknown = sum(not genres.get(i) for items in pool.lists() for i in items)
        assert context.counts == {"blocked: items without genres": unknown}


def test_without_exclusions_the_history_counts():
    pool = Ranked(np.array([["a", "b"]]), np.zeros((1, 2)), np.ones((1, 2)))
    assert Seen()(pool, Context(Queries.of(["u"], history=[["b"]]), k=1)).lists() == [["a"]]


class TestEligible(PostRankerTests):
    def make(self):
        return Eligible(condition="year >= 1995 AND brand <> 'brand 1'")

    def test_what_is_kept_fulfils_the_condition(self):
        pool, context = self.pool(), self.context()
        good = {
            row["item"]
            for row in self.items(int).iter_rows(named=True)
            if (row["year"] or 0) >= 1995 and row["brand"] not in (None, "brand 1")
        }
        for row, items in enumerate(self.make()(pool, context).lists()):
            assert items == [i for i in pool.lists()[row] if i in good]
        unknown = sum(i >= 50 for items in pool.lists() for i in items)
        assert context.counts == {"eligible: unknown items": unknown}


class TestEligibleKeepingUnknown(PostRankerTests):
    def make(self):
        return Eligible(condition="year >= 1995", unknown="keep")

    def test_unknown_items_stay(self):
        pool, context = self.pool(), self.context()
        for row, items in enumerate(self.make()(pool, context).lists()):
            assert {i for i in pool.lists()[row] if i >= 50} <= set(items)


@pytest.mark.parametrize(
    "condition", ["yaer > 1990", "year >", "year", "DROP TABLE x", "SUM(year) > 3"]
)
def test_conditions_that_are_none(condition):
    context = Context(Queries.of(["u"]), k=1, items=pl.DataFrame({"item": [1, 2], "year": [1, 2]}))
    pool = Ranked(np.array([[1]]), np.zeros((1, 1)), np.ones((1, 1)))
    with pytest.raises(ConfigError, match="condition"):
        Eligible(condition=condition)(pool, context)


class TestRecentlyServed(PostRankerTests):
    def make(self):
        return RecentlyServed(seconds=600)

    def test_what_is_kept_was_not_served_of_late(self):
        pool, context = self.pool(), self.context()
        for row, items in enumerate(self.make()(pool, context).lists()):
            ages = context.served[row]
            assert items == [i for i in pool.lists()[row] if min(ages.get(i, [np.inf])) > 600]


def test_bad_input():
    with pytest.raises(ConfigError, match="'drop' or 'keep'"):
        Eligible(condition="a", unknown="x")
    with pytest.raises(ConfigError, match="seconds"):
        RecentlyServed(seconds=0)
    pool = Ranked(np.array([[1]]), np.zeros((1, 1)), np.ones((1, 1)))
    with pytest.raises(ConfigError, match="needs to know what was served"):
        RecentlyServed(seconds=1)(pool, Context(Queries.of(["u"]), k=1))
    with pytest.raises(DataError, match="each of 1 queries"):
        Context(Queries.of(["u"]), k=1, served=[])

from __future__ import annotations

import numpy as np

from shortlist.postranking import Blocked, Context, Seen
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

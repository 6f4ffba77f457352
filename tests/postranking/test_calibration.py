from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError
from shortlist.postranking import Calibrated, Context
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestCalibrated(PostRankerTests):
    def make(self):
        return Calibrated(column="genres", trade_off=0.3)


class TestCalibratedBySharesAlone(PostRankerTests):
    def make(self):
        return Calibrated(column="brand", trade_off=0.0)


def shares_of(items, values, length):
    found = dict.fromkeys("abc", 0.0)
    for item in items:
        for value in values[item]:
            found[value] += 1 / len(values[item]) / length
    return found


sets = st.lists(st.lists(st.sampled_from("abc"), unique=True, max_size=3), min_size=3, max_size=7)


@given(sets, st.integers(1, 3), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_within_63_percent_of_the_best_list(values, k, trade_off, seed):
    n = len(values)
    draw = np.random.default_rng(seed)
    scores = -np.sort(-draw.random(n)).astype(np.float32)
    rel = (scores - scores[-1]).astype(float) / float(scores[0] - scores[-1])
    history = [i for i in draw.integers(0, n, 3).tolist() if values[i]]
    wanted = shares_of(history, values, max(len(history), 1))

    def gain(chosen):
        """The objective less its value for no list at all, so that nothing is worth 0."""
        listed = shares_of(chosen, values, k)
        nearness = sum(
            p * np.log((0.99 * listed[v] + 0.01 * p) / (0.01 * p)) for v, p in wanted.items() if p
        )
        return trade_off * sum(rel[i] for i in chosen) + (1 - trade_off) * k * nearness

    items = pl.DataFrame({"item": range(n), "x": pl.Series(values, dtype=pl.List(pl.String))})
    pool = Ranked(np.arange(n)[None], scores[None], np.ones((1, n)))
    context = Context(Queries.of(["u"], history=[history]), k=k, items=items)
    found = Calibrated(column="x", trade_off=trade_off)(pool, context).lists()[0]
    best = max(gain(choice) for choice in itertools.combinations(range(n), k))
    assert gain(found[:k]) >= (1 - 1 / np.e) * best - 1e-9
    # And it is the greedy search: no other next item would have added more.
    for place in range(k):
        here = gain(found[: place + 1])
        assert all(here >= gain([*found[:place], i]) - 1e-9 for i in found[place:])


def test_the_shares_of_the_history_come_back():
    values = ["a"] * 20 + ["b"] * 20
    items = pl.DataFrame({"item": range(40), "x": values})
    pool = Ranked(np.arange(40)[None], -np.arange(40.0)[None], np.ones((1, 40)))
    history = [[0, 1, 2, 3, 4, 5, 6, 20, 21, 22]]
    context = Context(Queries.of(["u"], history=history), k=10, items=items)
    shown = Calibrated(column="x", trade_off=0.1)(pool, context).top(10).lists()[0]
    assert [values[i] for i in shown].count("b") == 3


def test_without_a_history_relevance_decides():
    items = pl.DataFrame({"item": range(3), "x": ["a", "b", "c"]})
    pool = Ranked(np.array([[2, 0, 1]]), np.array([[3.0, 2.0, 1.0]]), np.ones((1, 3)))
    context = Context(Queries.of(["u"]), k=3, items=items)
    assert Calibrated(column="x")(pool, context).lists() == [[2, 0, 1]]
    assert context.counts == {"calibrated: users without a history": 1}


def test_bad_options():
    with pytest.raises(ConfigError, match="trade_off"):
        Calibrated(column="x", trade_off=-1)
    with pytest.raises(ConfigError, match="smoothing"):
        Calibrated(column="x", smoothing=1)

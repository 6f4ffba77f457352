from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.errors import ConfigError, SchemaError
from shortlist.postranking import AttributeCap, Context, Trace
from shortlist.postranking._keeping import MANY, down_each, down_together
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestCapOnPlainColumn(PostRankerTests):
    def make(self):
        return AttributeCap(column="brand", at_most=2)


class TestCapOnListColumn(PostRankerTests):
    def make(self):
        return AttributeCap(column="genres", at_most=3)


class TestDroppingCap(PostRankerTests):
    def make(self):
        return AttributeCap(column="genres", at_most=1, skipped="drop")


def rank(values, k=5, **changes):
    """One list of items 0, 1, 2, ... whose attributes are ``values``."""
    n = len(values)
    items = pl.DataFrame({"item": range(n), "x": pl.Series(values, dtype=changes.pop("dtype"))})
    context = Context(Queries.of(["u"]), k=k, items=items, **changes)
    pool = Ranked(np.arange(n)[None], -np.arange(n, dtype=float)[None], np.ones((1, n)))
    return pool, context


def naive(values, at_most):
    kept, skipped, used = [], [], Counter()
    for item, mine in enumerate(values):
        if all(used[v] < at_most for v in mine):
            kept.append(item)
            used.update(mine)
        else:
            skipped.append(item)
    return kept, skipped


lists_of_values = st.lists(st.lists(st.sampled_from("abcd"), unique=True, max_size=3), max_size=14)


@given(lists_of_values, st.integers(1, 4))
def test_many_valued_cap_is_the_walk_down_the_list(values, at_most):
    pool, context = rank(values, dtype=pl.List(pl.String))
    kept, skipped = naive(values, at_most)
    cap = AttributeCap(column="x", at_most=at_most)
    assert cap(pool, context).lists() == [kept + skipped]
    drop = AttributeCap(column="x", at_most=at_most, skipped="drop")
    assert drop(pool, context).lists() == [kept]


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_many_lists_are_walked_down_like_one(seed, at_most):
    draw = np.random.default_rng(seed)
    values = [draw.choice(7, draw.integers(0, 4), replace=False).tolist() for _ in range(30)]
    items = pl.DataFrame({"item": range(30), "x": values})
    ids = np.stack([draw.permutation(34)[:20] for _ in range(2 * MANY)])
    valid = np.arange(20) < draw.integers(0, 21, (len(ids), 1))
    pool = Ranked(ids, -np.sort(-draw.random(ids.shape), axis=1), valid)
    context = Context(Queries.of(list(range(len(ids)))), k=5, items=items)
    found = AttributeCap(column="x", at_most=at_most)(pool, context).lists()
    for row, mine in enumerate(pool.lists()):
        sets = [values[item] if item < 30 else [] for item in mine]
        kept, skipped = naive(sets, at_most)
        assert found[row] == [mine[place] for place in kept + skipped]


def test_more_values_than_are_counted_at_once():
    draw = np.random.default_rng(0)
    codes = draw.integers(0, 70_000, (40, 12, 2))
    codes[:, 6:] = codes[:, :6]
    sets = [frozenset(mine) for mine in codes.reshape(-1, 2).tolist()]
    places, valid = np.arange(480).reshape(40, 12), np.ones((40, 12), dtype=bool)
    found = down_together(places, valid, codes.reshape(-1, 2), 70_000, 1)
    np.testing.assert_array_equal(found, down_each(places, valid, sets, 1))
    assert found[:, :6].any()
    assert not found[:, 6:].all()


@given(st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=14), st.integers(1, 4))
def test_one_valued_cap_is_the_same_walk_and_keeps_as_many_as_can_be(values, at_most):
    pool, context = rank(values, dtype=pl.String)
    sets = [[] if v is None else [v] for v in values]
    kept, skipped = naive(sets, at_most)
    assert AttributeCap(column="x", at_most=at_most)(pool, context).lists() == [kept + skipped]
    most = sum(min(at_most, n) for v, n in Counter(values).items() if v) + values.count(None)
    assert len(kept) == most


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=8), st.integers(1, 3))
def test_the_cap_holds_whenever_it_can(values, k):
    """Against every choice of k items: if one of them keeps the cap, so does the list."""
    pool, context = rank(values, k=k, dtype=pl.String)
    shown = AttributeCap(column="x", at_most=1)(pool, context).top(k).lists()[0]
    possible = any(
        len({values[i] for i in choice}) == len(choice)
        for choice in itertools.combinations(range(len(values)), min(k, len(values)))
    )
    holds = len({values[i] for i in shown}) == len(shown)
    assert holds == possible
    assert bool(context.counts) == (not possible)


def test_items_of_which_nothing_is_known_stay_and_are_counted():
    pool, context = rank(["a", None, "a"], dtype=pl.String)
    pool = pool.map_ids(lambda ids: np.where(ids == 2, 77, ids))
    assert AttributeCap(column="x", at_most=1)(pool, context).lists() == [[0, 1, 77]]
    assert context.counts["attribute_cap: items without x"] == 2


def test_the_reason_names_the_value():
    trace = Trace()
    pool, context = rank([["a", "b"], ["b"], ["c"]], trace=trace, dtype=pl.List(pl.String))
    AttributeCap(column="x", at_most=1)(pool, context)
    assert trace.explain(0, 1) == (
        "attribute_cap: from place 2 to place 3, as at most 1 of each x come first (b)"
    )


def test_bad_input():
    with pytest.raises(ConfigError, match="positive integer"):
        AttributeCap(column="x", at_most=0)
    with pytest.raises(ConfigError, match="'demote' or 'drop'"):
        AttributeCap(column="x", at_most=1, skipped="hide")
    pool, context = rank(["a"], dtype=pl.String)
    with pytest.raises(SchemaError, match="Did you mean 'item'"):
        AttributeCap(column="itme", at_most=1)(pool, context)
    with pytest.raises(ConfigError, match="needs the items' attributes"):
        AttributeCap(column="x", at_most=1)(pool, Context(Queries.of(["u"]), k=1))

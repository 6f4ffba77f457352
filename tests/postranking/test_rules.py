from __future__ import annotations

import itertools
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.errors import ConfigError
from shortlist.postranking import Context
from shortlist.postranking._keeping import MANY
from shortlist.postranking.rules import Cap, Gap, Pin, Quota, Rules
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests

SOME = [
    Pin(item=999, place=1),
    Quota(column="genres", value="horror", at_least=2),
    Gap(column="brand", places=2),
    Cap(column="genres", at_most=4),
]


class TestRules(PostRankerTests):
    def make(self):
        return Rules(rules=SOME)


class TestNoRules(PostRankerTests):
    def make(self):
        return Rules(rules=[])


values = st.lists(st.sampled_from("abc"), unique=True, max_size=2)
a_rule = st.one_of(
    st.builds(Cap, column=st.sampled_from(["x", "y"]), at_most=st.integers(1, 3)),
    st.builds(Gap, column=st.sampled_from(["x", "y"]), places=st.integers(2, 3)),
    st.builds(
        Quota,
        column=st.sampled_from(["x", "y"]),
        value=st.sampled_from("abc"),
        at_least=st.integers(1, 3),
    ),
)


def keeps(rule, shown, table, pool):
    if isinstance(rule, Pin):
        binds = rule.item in pool and rule.place <= len(shown)
        return not binds or shown[rule.place - 1] == rule.item
    sets = [table[rule.column][i] for i in shown]
    if isinstance(rule, Cap):
        return all(sum(v in s for s in sets) <= rule.at_most for v in "abc")
    if isinstance(rule, Quota):
        return sum(rule.value in s for s in sets) >= rule.at_least
    return not any(
        set(sets[i]) & set(sets[j])
        for i in range(len(sets))
        for j in range(max(0, i - rule.places + 1), i)
    )


@given(
    st.lists(st.tuples(values, values), min_size=1, max_size=6),
    st.lists(a_rule, max_size=3),
    st.lists(st.tuples(st.integers(0, 7), st.integers(1, 4)), max_size=1),
    st.integers(1, 5),
)
def test_against_every_arrangement(attributes, rules, pins, k):
    """The list is the first of all arrangements that keeps the rules, or fewer of them."""
    n = len(attributes)
    rules = [*[Pin(item=item, place=place) for item, place in pins], *rules]
    table = {"x": [a[0] for a in attributes], "y": [a[1] for a in attributes]}
    items = pl.DataFrame(
        {"item": range(n), **table},
        schema={"item": pl.Int64, "x": pl.List(pl.String), "y": pl.List(pl.String)},
    )
    pool = Ranked(np.arange(n)[None], -np.arange(float(n))[None], np.ones((1, n)))
    context = Context(Queries.of(["u"]), k=k, items=items)
    found = Rules(rules=rules)(pool, context).lists()[0]
    shown = found[: min(k, n)]

    def first_that_keeps(some):
        return next(
            (
                list(order)
                for order in itertools.permutations(range(n), min(k, n))
                if all(keeps(rule, order, table, range(n)) for rule in some)
            ),
            None,
        )

    kept = []
    for rule in rules:
        if first_that_keeps([*kept, rule]) is not None:
            kept.append(rule)
    assert shown == first_that_keeps(kept)
    assert found[len(shown) :] == [i for i in range(n) if i not in shown]
    assert sum(context.counts.values()) == len(rules) - len(kept)


@given(
    st.integers(0, 2**32 - 1),
    st.lists(a_rule, max_size=3),
    st.lists(st.tuples(st.integers(0, 70), st.integers(1, 9)), max_size=1),
    st.integers(1, 8),
)
@settings(deadline=None, max_examples=30)
def test_many_lists_are_searched_like_one(seed, rules, pins, k):
    draw = np.random.default_rng(seed)
    table = {
        column: [
            draw.choice(list("abcdef"), draw.integers(0, 3), replace=False).tolist()
            for _ in range(60)
        ]
        for column in "xy"
    }
    items = pl.DataFrame({"item": range(60), **table})
    ids = np.stack([draw.permutation(64)[:40] for _ in range(MANY)])
    valid = np.arange(40) < draw.choice([4, 14, 40], (len(ids), 1))
    pool = Ranked(ids, -np.sort(-draw.random(ids.shape), axis=1), valid)
    step = Rules(rules=[*[Pin(item=item, place=place) for item, place in pins], *rules])
    together = Context(Queries.of(list(range(len(ids)))), k=k, items=items)
    alone = Context(Queries.of(["u"]), k=k, items=items)
    found = step(pool, together).lists()
    for row in range(len(ids)):
        assert found[row] == step(pool.rows(row, row + 1), alone).lists()[0]
    assert together.counts == alone.counts


@pytest.mark.parametrize("lists", [1, MANY])
def test_numbers_larger_than_any_list(lists):
    items = pl.DataFrame({"item": range(6), "x": list("aabbcc")})
    pool = Ranked(np.tile(np.arange(6), (lists, 1)), np.zeros((lists, 6)), np.ones((lists, 6)))
    context = Context(Queries.of(list(range(lists))), k=3, items=items)
    many = 10**20
    rules = [
        Gap(column="x", places=many),
        Cap(column="x", at_most=many),
        Quota(column="x", value="a", at_least=many),
    ]
    assert Rules(rules=rules)(pool, context).top(3).lists() == lists * [[0, 2, 4]]
    assert context.counts == {f"rules: gave up {rules[2]}": lists}


def test_a_rule_that_cannot_be_kept_takes_no_other_with_it():
    items = pl.DataFrame({"item": range(4), "x": list("aabb")})
    pool = Ranked(np.arange(4)[None], -np.arange(4.0)[None], np.ones((1, 4)))
    context = Context(Queries.of(["u"]), k=4, items=items)
    rules = [Cap(column="x", at_most=1), Pin(item=2, place=1), Gap(column="x", places=2)]
    assert Rules(rules=rules)(pool, context).lists() == [[2, 0, 3, 1]]
    assert context.counts == {"rules: gave up Cap(column='x', at_most=1)": 1}


def test_rules_that_cannot_be_kept_are_given_up_from_the_last():
    items = pl.DataFrame({"item": range(4), "x": ["a"] * 4})
    pool = Ranked(np.arange(4)[None], -np.arange(4.0)[None], np.ones((1, 4)))
    context = Context(Queries.of(["u"]), k=3, items=items)
    rules = [Pin(item=2, place=1), Quota(column="x", value="zz", at_least=1)]
    assert Rules(rules=rules)(pool, context).lists() == [[2, 0, 1, 3]]
    assert context.counts == {
        "rules: gave up Quota(column='x', value='zz', at_least=1)": 1,
    }


@pytest.mark.parametrize(
    "rules",
    [
        [Cap(column="x", at_most=1)],
        [Gap(column="x", places=6)],
        [Quota(column="x", value=i, at_least=6) for i in range(5)],
        [Cap(column="y", at_most=2), Quota(column="x", value=1, at_least=9)],
    ],
)
def test_contradictions_in_a_large_pool_are_noticed_soon(rules):
    draw = np.random.default_rng(0)
    n = 300
    items = pl.DataFrame({"item": range(n), "x": draw.integers(0, 5, n), "y": [1] * n})
    pool = Ranked(np.arange(n)[None], -np.arange(float(n))[None], np.ones((1, n)))
    context = Context(Queries.of(["u"]), k=25, items=items)
    began = time.process_time()
    Rules(rules=rules)(pool, context)
    assert context.counts.total() > 0
    assert time.process_time() - began < 5.0


def test_tables_of_configurations():
    made = Rules(rules=[{"rule": "cap", "column": "x", "at_most": 2}, Pin(item="a", place=3)])
    assert made.rules == (Cap(column="x", at_most=2), Pin(item="a", place=3))
    for wrong, message in (
        ({"rule": "cup"}, "Did you mean 'cap'"),
        ({"rule": "cap", "column": "x"}, "at_most"),
        ("cap", "one of"),
        ({"rule": "pin", "item": 1, "place": 0}, "positive integer"),
    ):
        with pytest.raises(ConfigError, match=message):
            Rules(rules=[wrong])
    for pins in ([(1, 1), (2, 1)], [(1, 1), (1, 2)]):
        with pytest.raises(ConfigError, match="pins of different"):
            Rules(rules=[Pin(item=item, place=place) for item, place in pins])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Quota(column="x", value=["a", "b"], at_least=1),
        lambda: Rules(rules=[{"rule": "quota", "column": "x", "value": ["a"], "at_least": 1}]),
        lambda: Pin(item=[1, 2], place=1),
    ],
)
def test_lists_are_no_values(make):
    with pytest.raises(ConfigError, match="to be one value"):
        make()


def test_a_list_that_keeps_the_rules_stays_as_it_is():
    items = pl.DataFrame({"item": range(6), "x": list("abcabc")})
    pool = Ranked(np.arange(6)[None], -np.arange(6.0)[None], np.ones((1, 6)))
    context = Context(Queries.of(["u"]), k=5, items=items)
    rules = [Cap(column="x", at_most=2), Gap(column="x", places=3), Cap(column="x", at_most=4)]
    assert Rules(rules=rules)(pool, context).lists() == [[0, 1, 2, 3, 4, 5]]
    assert not context.counts


def test_a_quota_under_a_gap_is_found_without_a_long_search():
    """The last places cannot all be the quota's: it has to begin in time to keep the gap."""
    n, k = 400, 40
    items = pl.DataFrame({"item": range(n), "x": [i // 20 for i in range(n)]})
    pool = Ranked(np.arange(n)[None], -np.arange(float(n))[None], np.ones((1, n)))
    context = Context(Queries.of(["u"]), k=k, items=items)
    rules = [Quota(column="x", value=19, at_least=3), Gap(column="x", places=3)]
    found = Rules(rules=rules)(pool, context).top(k).lists()[0]
    values = [item // 20 for item in found]
    assert not context.counts
    assert [place for place, value in enumerate(values) if value == 19] == [33, 36, 39]
    assert all(len(set(values[i : i + 3])) == 3 for i in range(k - 2))

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from shortlist.errors import ConfigError, DataError
from shortlist.postranking import Context, EpsilonGreedy, PlackettLuce, interleave
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestEpsilonGreedy(PostRankerTests):
    def make(self):
        return EpsilonGreedy(epsilon=0.4)


class TestPlackettLuce(PostRankerTests):
    def make(self):
        return PlackettLuce(temperature=0.5)


USERS = 8_000


def many(n=3, k=2):
    scores = np.tile(np.array([[1.0, 0.6, 0.0]])[:, :n], (USERS, 1))
    pool = Ranked(np.tile(np.arange(n), (USERS, 1)), scores, np.ones((USERS, n)))
    return pool, Context(Queries.of(range(USERS)), k=k)


def exact(postranker, order):
    """The probability of an order of items 0, 1, 2 by definition."""
    left, total = [0, 1, 2], 1.0
    for item in order:
        if isinstance(postranker, EpsilonGreedy):
            eps = postranker.epsilon
            total *= eps / len(left) + (1 - eps) * (item == left[0])
        else:
            worth = {i: np.exp([1.0, 0.6, 0.0][i] / postranker.temperature) for i in left}
            total *= worth[item] / sum(worth.values())
        left.remove(item)
    return total


@pytest.mark.parametrize("postranker", [EpsilonGreedy(epsilon=0.3), PlackettLuce(temperature=0.5)])
def test_propensities_sum_to_one_and_match_frequencies(postranker):
    pool, context = many()
    shown = postranker(pool, context).ids[:, :2]
    said = context.propensities[postranker.name]
    assert np.isnan(said[:, 2]).all()
    found = Counter(map(tuple, shown.tolist()))
    orders = list(itertools.permutations(range(3), 2))
    assert sum(exact(postranker, order) for order in orders) == pytest.approx(1.0)
    for order in orders:
        expected = exact(postranker, order)
        mine = (shown == order).all(axis=1)
        # Five standard deviations of a count.
        slack = 5 * np.sqrt(expected * (1 - expected) / USERS)
        assert found[order] / USERS == pytest.approx(expected, abs=slack)
        assert said[mine, :2].prod(axis=1) == pytest.approx(expected)


def test_seeds_and_users_decide():
    pool, context = many()
    postranker = PlackettLuce(temperature=1.0)
    first = postranker(pool, context).ids
    assert (postranker(pool, Context(context.queries, k=2, seed=1)).ids != first).any()
    twice = Context(Queries.of(["a", "a", "b"], history=[[], [1], []]), k=2)
    wide = Ranked(np.tile(np.arange(30), (3, 1)), np.zeros((3, 30)), np.ones((3, 30)))
    one, other, third = postranker(wide, twice).lists()
    assert one != other
    assert one != third


def test_cold_and_hot():
    pool, context = many(k=3)
    assert (PlackettLuce(temperature=1e-4)(pool, context).ids == [0, 1, 2]).all()
    assert context.propensities["plackett_luce"] == pytest.approx(1.0)
    assert (EpsilonGreedy(epsilon=0.0)(pool, context).ids == [0, 1, 2]).all()


def test_bad_options():
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(ConfigError, match="epsilon"):
            EpsilonGreedy(epsilon=wrong)
    for wrong in (0, np.inf, np.nan):
        with pytest.raises(ConfigError, match="temperature"):
            PlackettLuce(temperature=wrong)


def ranking(*rows):
    width = max(map(len, rows))
    ids = np.array([[*row, *["-"] * (width - len(row))] for row in rows])
    valid = np.array([[True] * len(row) + [False] * (width - len(row)) for row in rows])
    return Ranked(ids, np.zeros(ids.shape), valid)


def test_interleaving_is_a_draft():
    rankings = [ranking(list("abcd"), []), ranking(list("bxya"), ["q"]), ranking(["b"], list("rs"))]
    mixed, teams = interleave(rankings, Queries.of(["u", "v"]), k=6)
    for row, items in enumerate(mixed.lists()):
        for place, item in enumerate(items):
            own = rankings[teams[row, place]].lists()[row]
            assert item == next(i for i in own if i not in items[:place])
    assert sorted(mixed.lists()[0]) == list("abcdxy")
    assert sorted(mixed.lists()[1]) == list("qrs")
    assert teams[1].tolist()[3:] == [-1, -1, -1]
    assert {i for i, t in zip(mixed.lists()[0], teams[0], strict=True) if t == 0} <= set("abcd")


def test_each_ranking_begins_as_often():
    n = 4000
    one, other = (ranking(*[list(items)] * n) for items in ("abcd", "wxyz"))
    mixed, teams = interleave([one, other], Queries.of(range(n)), k=4, seed=5)
    assert teams[:, 0].mean() == pytest.approx(0.5, abs=0.04)
    assert (teams.sum(axis=1) == 2).all()
    assert set(map(tuple, mixed.ids.tolist())) == {
        tuple(first + second)
        for first in (["a", "w"], ["w", "a"])
        for second in (["b", "x"], ["x", "b"])
    }


def test_what_cannot_be_interleaved():
    with pytest.raises(DataError, match="two or more"):
        interleave([ranking(["a"])], Queries.of(["u"]), k=1)
    with pytest.raises(DataError, match="ranking 1 has 2"):
        interleave([ranking(["a"]), ranking(["a"], ["b"])], Queries.of(["u"]), k=1)
    with pytest.raises(ConfigError, match="positive integer"):
        interleave([ranking(["a"])] * 2, Queries.of(["u"]), k=0)
    empty = Ranked(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)))
    assert interleave([empty, empty], Queries.of([]), k=2)[0].ids.shape == (0, 2)

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.errors import ConfigError
from shortlist.postranking import AuthorDecay, Context, Fatigue, Freshness, PopularityDamping
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestFreshness(PostRankerTests):
    def make(self):
        return Freshness(column="date", now=50 * 86_400, half_life=5 * 86_400, weight=0.5)


class TestPopularityDamping(PostRankerTests):
    def make(self):
        return PopularityDamping(column="year", weight=3.0)


class TestAuthorDecay(PostRankerTests):
    def make(self):
        return AuthorDecay(column="brand", factor=0.5)


class TestFatigue(PostRankerTests):
    def make(self):
        return Fatigue(half_life=600.0)


ITEMS = pl.DataFrame(
    {
        "item": ["a", "b", "c", "d"],
        "time": [0.0, 100.0, None, 300.0],
        "count": [9, 0, None, 99],
        "author": ["x", "x", None, "x"],
    }
)
POOL = Ranked(np.array([["a", "b", "c", "d"]]), np.array([[5.0, 4.0, 2.0, 1.0]]), np.ones((1, 4)))
RELEVANCE = {"a": 1.0, "b": 0.75, "c": 0.25, "d": 0.0}


def after(postranker, **more):
    context = Context(Queries.of(["u"]), k=2, items=ITEMS, **more)
    return dict(next(iter(postranker(POOL, context)))), context.counts


def test_freshness_by_hand():
    scores, counts = after(Freshness(column="time", now=200.0, half_life=100.0, weight=2.0))
    expected = {"a": 1 + 2 / 4, "b": 0.75 + 2 / 2, "c": 0.25, "d": 0 + 2}
    assert scores == pytest.approx(expected)
    assert list(scores) == ["d", "b", "a", "c"]
    assert counts == {"freshness: items without time": 1}


def test_popularity_damping_by_hand():
    scores, counts = after(PopularityDamping(column="count", weight=1.0))
    assert scores == pytest.approx({"a": 0.5, "b": 0.75, "c": 0.25, "d": -1.0})
    assert list(scores) == ["b", "a", "c", "d"]
    assert counts == {"popularity_damping: items without count": 1}


def test_author_decay_by_hand():
    scores, _ = after(AuthorDecay(column="author", factor=0.2))
    assert scores == pytest.approx({"a": 1.0, "b": 0.15, "c": 0.25, "d": 0.0})
    assert list(scores) == ["a", "c", "b", "d"]


def test_fatigue_by_hand():
    scores, _ = after(Fatigue(half_life=10.0, factor=0.5), served=[{"a": [0.0, 10.0], "d": [0.0]}])
    assert scores == pytest.approx({**RELEVANCE, "a": 0.5**1.5})
    assert list(scores) == ["b", "a", "c", "d"]


def test_no_strength_changes_nothing():
    for postranker in (
        Freshness(column="time", now=200.0, half_life=100.0, weight=0.0),
        PopularityDamping(column="count", weight=0.0),
        AuthorDecay(column="author", factor=1.0),
    ):
        assert after(postranker)[0] == pytest.approx(RELEVANCE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Freshness(column="time", now=np.nan, half_life=1), "finite now"),
        (lambda: Freshness(column="time", now=0, half_life=0), "positive half_life"),
        (lambda: PopularityDamping(column="count", weight=np.inf), "finite weight"),
        (lambda: AuthorDecay(column="author", factor=2), r"\[0, 1\]"),
        (lambda: Fatigue(half_life=-1), "positive half_life"),
        (lambda: Fatigue(half_life=1, factor=-1), r"\[0, 1\]"),
    ],
)
def test_bad_options(make, message):
    with pytest.raises(ConfigError, match=message):
        make()

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from shortlist.errors import ConfigError
from shortlist.postranking import BetaThompson, Context, LinearThompson
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.testing import PostRankerTests


class TestLinearThompson(PostRankerTests):
    def make(self):
        return LinearThompson(scale=0.5, samples=50)


class TestBetaThompson(PostRankerTests):
    def make(self):
        return BetaThompson(successes="clicks", trials="shown", samples=50)


USERS = 4000


def shown(clicks, trials, k=1, **options):
    n = len(clicks)
    items = pl.DataFrame({"item": range(n), "clicks": clicks, "shown": trials})
    pool = Ranked(np.tile(np.arange(n), (USERS, 1)), np.zeros((USERS, n)), np.ones((USERS, n)))
    context = Context(Queries.of(range(USERS)), k=k, items=items)
    found = BetaThompson(successes="clicks", trials="shown", **options)(pool, context)
    return found.ids[:, :k], context


def test_items_are_shown_as_often_as_they_may_be_the_best():
    """P(Beta(3, 2) > Beta(1, 1)) is the mean of Beta(3, 2), 0.6."""
    ids, context = shown([2, 0], [3, 0])
    assert (ids == 0).mean() == pytest.approx(0.6, abs=5 * np.sqrt(0.24 / USERS))
    said = context.propensities["beta_thompson"][:, 0]
    assert said[ids[:, 0] == 0].mean() == pytest.approx(0.6, abs=0.02)
    assert np.isnan(context.propensities["beta_thompson"][:, 1]).all()


def test_inverse_propensities_add_up_to_one_for_each_item():
    """What is needed of a propensity: E[1{shown} / propensity] is 1, if it can be shown at all."""
    ids, context = shown([1, 2, 3], [4, 4, 4], k=2)
    said = context.propensities["beta_thompson"]
    for item in range(3):
        assert ((ids[:, 0] == item) / said[:, 0]).mean() == pytest.approx(1.0, abs=0.1)
    assert (1 / said[:, 1]).mean() == pytest.approx(2.0, abs=0.1)


def test_much_evidence_leaves_no_doubt():
    ids, context = shown([900, 100, 500], [1000, 1000, 1000], k=3)
    assert (ids == [0, 2, 1]).all()
    assert (context.propensities["beta_thompson"] == 1.0).all()


def test_what_the_history_shows_is_left_open_less():
    """Worths are normal with the variance scale^2 / (prior + events) in each direction."""
    vectors = np.eye(3)
    pool = Ranked(np.tile([0, 1], (USERS, 1)), np.tile([1.0, 0.0], (USERS, 1)), np.ones((USERS, 2)))
    queries = Queries.of(range(USERS), history=[[1, 1, 1, 2]] * USERS)
    context = Context(queries, k=1, vectors=lambda ids: vectors[ids])
    found = LinearThompson(scale=2.0, prior=1.0, samples=20)(pool, context)
    # Item 1 is first if a normal of variance 4 * (1 + 1/4) is above 1.
    expected = 1 - NormalDist(0, np.sqrt(5)).cdf(1.0)
    share = (found.ids[:, 0] == 1).mean()
    assert share == pytest.approx(expected, abs=5 * np.sqrt(expected / USERS))
    said = context.propensities["linear_thompson"][:, 0]
    for item in (0, 1):
        assert ((found.ids[:, 0] == item) / said).mean() == pytest.approx(1.0, abs=0.1)


def test_bad_input():
    for wrong in ({"scale": -1}, {"prior": 0}, {"samples": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            LinearThompson(**wrong)
    with pytest.raises(ConfigError, match="item 1 has 5 of 4"):
        shown([1, 5], [4, 4])
    with pytest.raises(ConfigError, match="prior_failures"):
        BetaThompson(successes="a", trials="b", prior_failures=0)
    for wrong in (0, 2.5):
        with pytest.raises(ConfigError, match="samples"):
            BetaThompson(successes="a", trials="b", samples=wrong)

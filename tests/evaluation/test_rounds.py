from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shortlist.baselines import EASE
from shortlist.data import Interactions, protocols
from shortlist.errors import DataError
from shortlist.evaluation import average, evaluate, over_rounds, pool
from shortlist.evaluation.statistics import bootstrap, sign_flip_test


@pytest.fixture(scope="module")
def reports():
    draw = np.random.default_rng(0)
    pairs = draw.permutation(np.unique(draw.integers(0, (25, 20), (400, 2)), axis=0))
    log = Interactions({"user": pairs[:, 0], "item": pairs[:, 1], "time": np.arange(len(pairs))})
    found = protocols.rolling_windows(log, 3, 0.15)
    return {
        f"window {number}": evaluate({"ease": EASE().fit(split.train)}, split, ks=[5])
        for number, split in enumerate(found, 1)
    }


def test_every_user_of_every_round_is_a_row(reports):
    pooled, parts = pool(reports), list(reports.values())
    assert len(pooled.users) == sum(len(part.users) for part in parts)
    assert pooled.counts["users"] == len(pooled.users)
    assert pooled.counts["distinct_users"] == len(set(pooled.users.tolist())) < len(pooled.users)
    assert pooled.counts["catalogue"] == parts[-1].counts["catalogue"]
    values = np.concatenate([part.per_user["ease"]["ndcg@5"] for part in parts])
    assert pooled.metrics["ease"]["ndcg@5"] == pytest.approx(values.mean())
    shares = [part.metrics["ease"]["coverage@5"] for part in parts]
    assert pooled.metrics["ease"]["coverage@5"] == pytest.approx(np.mean(shares))
    for name, part in reports.items():
        assert pooled.of(pooled.rounds == name)["ease"]["map@5"] == part.metrics["ease"]["map@5"]
    assert set(pooled.to_dict()["rounds"]) == set(reports)
    assert "different users" in pooled.table()
    assert average([pooled, pooled]).metrics == pooled.metrics


def test_the_rounds_are_replicates(reports):
    found = over_rounds(pool(reports), "ndcg@5")["ease"]
    assert found.values == tuple(part.metrics["ease"]["ndcg@5"] for part in reports.values())
    assert found.deviation == pytest.approx(np.std(found.values, ddof=1))
    assert over_rounds(reports["window 1"], "ndcg@5") == {}


def test_a_user_asked_many_times_is_no_more_evidence_than_one(reports):
    one = reports["window 1"]
    copies = pool({f"copy {number}": one for number in range(4)})
    for model, ends in copies.intervals("ndcg@5").items():
        assert ends == pytest.approx(one.intervals("ndcg@5")[model])
    mine, theirs = copies.comparisons("ndcg@5")[0], one.comparisons("ndcg@5")[0]
    assert (mine.p, mine.verdict) == (theirs.p, theirs.verdict)
    assert mine.difference == pytest.approx(theirs.difference)


def test_groups_of_unequal_size_are_drawn_whole():
    draw = np.random.default_rng(1)
    owners = np.repeat(np.arange(200), draw.integers(1, 6, 200))
    values = draw.normal(0, 1, 200)[owners] + draw.normal(0, 0.1, len(owners))
    low, high = bootstrap(values, groups=owners)
    assert low < values.mean() < high
    # As wide as 200 users are uncertain, not as 600 events would be.
    sizes = np.bincount(owners)
    sums = np.bincount(owners, weights=values) - values.mean() * sizes
    error = np.sqrt((sums**2).sum()) / len(owners)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    narrow = bootstrap(values)
    assert narrow[1] - narrow[0] < 0.75 * (high - low)
    gap = np.array([1.0, np.nan, -1.0, 2.0])
    assert sign_flip_test(gap, groups=np.array([0, 0, 0, 1])) == sign_flip_test(np.array([2.0]))


def test_bad_input(reports):
    with pytest.raises(DataError, match="at least one round; received none"):
        pool({})
    with pytest.raises(DataError, match="that of b has"):
        pool({"a": reports["window 1"], "b": replace(reports["window 2"], ks=(7,))})

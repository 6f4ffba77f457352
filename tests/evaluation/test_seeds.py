from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shortlist.baselines import BPR
from shortlist.data import Interactions, splits
from shortlist.errors import DataError
from shortlist.evaluation import average, evaluate, spread


@pytest.fixture(scope="module")
def reports():
    draw = np.random.default_rng(0)
    pairs = np.unique(draw.integers(0, (30, 20), (300, 2)), axis=0)
    pairs = draw.permutation(pairs)
    log = Interactions({"user": pairs[:, 0], "item": pairs[:, 1], "time": np.arange(len(pairs))})
    split = splits.by_user_time(log)

    def report(seed):
        model = BPR(embedding_dim=4, epochs=3, seed=seed).fit(split.train)
        return evaluate({"bpr": model}, split, ks=[5])

    return [report(seed) for seed in range(3)]


def test_the_spread_is_that_of_the_means(reports):
    found = spread(reports, "ndcg@5")
    values = [report.metrics["bpr"]["ndcg@5"] for report in reports]
    assert found["bpr"].values == tuple(values)
    assert found["bpr"].mean == pytest.approx(np.mean(values))
    assert found["bpr"].deviation == pytest.approx(np.std(values, ddof=1))
    assert found["bpr"].deviation > found["popularity"].deviation == 0.0
    assert "±" in str(found["bpr"])
    assert spread(reports[:1], "ndcg@5")["bpr"].deviation == 0.0


def test_the_average_is_user_by_user(reports):
    found = average(reports)
    for name in ("ndcg@5", "recall@5", "coverage@5", "gini@5"):
        expected = np.mean([report.metrics["bpr"][name] for report in reports])
        assert found.metrics["bpr"][name] == pytest.approx(expected)
    assert found.comparisons("ndcg@5")[0].model == "bpr"


def test_bad_input(reports):
    with pytest.raises(DataError, match="at least one"):
        spread([], "ndcg@5")
    with pytest.raises(DataError, match="report 1 has others"):
        average([reports[0], replace(reports[1], users=reports[1].users[::-1])])
    with pytest.raises(DataError, match="same models"):
        average([reports[0], replace(reports[1], ks=(7,))])

"""The same values as ranx, an independent implementation, where that is installed."""

from __future__ import annotations

import numpy as np
import pytest

from shortlist.metrics import ranking

ranx = pytest.importorskip("ranx")
# It compiles every metric first, for a minute.
pytestmark = pytest.mark.slow

NAMES = {
    "ndcg": "ndcg",
    "recall": "recall",
    "precision": "precision",
    "hit_rate": "hit_rate",
    "mrr": "mrr",
    "map": "map",
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 5, 10])
def test_random_runs_have_the_same_values(seed, k):
    draw = np.random.default_rng(seed)
    users, items = 60, 40
    # ranx divides the average precision by all relevant items, we by as many as the list can hold,
    # so there are no more of those than places.
    truth = [draw.choice(items, draw.integers(1, k + 1), replace=False) for _ in range(users)]
    lists = np.stack([draw.permutation(items)[:10] for _ in range(users)])
    hits = np.array([np.isin(row, own) for row, own in zip(lists, truth, strict=True)])
    relevant = np.array([len(own) for own in truth])
    qrels = ranx.Qrels({f"u{u}": {f"i{i}": 1 for i in own} for u, own in enumerate(truth)})
    run = ranx.Run(
        {f"u{u}": {f"i{i}": 10.0 - n for n, i in enumerate(row)} for u, row in enumerate(lists)}
    )
    for ours, theirs in NAMES.items():
        expected = ranx.evaluate(qrels, run, f"{theirs}@{k}", return_mean=False)
        order = [int(name[1:]) for name in run.run]
        found = ranking.METRICS[ours](hits, relevant, k)[order]
        np.testing.assert_allclose(found, expected, atol=1e-9, rtol=0, err_msg=ours)

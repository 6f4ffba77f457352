from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.baselines import EASE, Popularity
from shortlist.data import Interactions, splits
from shortlist.errors import ConfigError
from shortlist.evaluation import SampledMetricsWarning, Truth, evaluate, sampled
from shortlist.queries import Queries
from shortlist.ranked import Ranked


@pytest.fixture(scope="module")
def split():
    draw = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "user": draw.integers(0, 40, 600),
            "item": (draw.beta(0.7, 2, 600) * 30).astype(int),
            "time": np.arange(600),
        }
    )
    return splits.by_user_time(Interactions(frame.unique(["user", "item"], maintain_order=True)))


def test_they_are_there_by_name_only_and_with_a_warning(split):
    plain = evaluate({}, split, ks=[3])
    assert not any("sampled" in name for name in plain.metrics["popularity"])
    with pytest.warns(SampledMetricsWarning, match="Krichene and Rendle"):
        report = evaluate({}, split, ks=[3], sampled=5)
    assert "sampled5_ndcg@3" in report.metrics["popularity"]
    full = {n: v for n, v in report.metrics["popularity"].items() if "sampled" not in n}
    assert full == plain.metrics["popularity"]


def test_all_items_drawn_are_the_full_metrics(split):
    models = {"ease": EASE(regularization=1.0).fit(split.train)}
    with pytest.warns(SampledMetricsWarning):
        report = evaluate(models, split, ks=[2, 9], sampled=10_000)
    for name in ("popularity", "ease"):
        found = report.per_user[name]
        for metric in ("ndcg@2", "ndcg@9", "recall@9", "map@9"):
            # Items outside of train cannot be drawn from the catalogue, but neither recommended.
            np.testing.assert_allclose(found[f"sampled10000_{metric}"], found[metric])


def test_values_are_those_of_ranking_the_drawn_alone(split, monkeypatch):
    monkeypatch.setattr(sampled, "_AT_ONCE", 7 * len(split.train.items))
    truth, model = Truth.of(split), EASE(regularization=1.0).fit(split.train)
    found = sampled.sampled_metrics("ease", model, truth, [4], 6)["sampled6_recall@4"]
    draw, competing = np.random.default_rng(0), []
    for start in range(0, len(truth.queries), 7):
        rows = min(7, len(truth.queries) - start)
        competing.append(sampled._competing(truth, start, rows, 6, draw))
    competing = np.concatenate(competing)
    for row, allowed in enumerate(competing):
        query = truth.queries.rows(row, row + 1)
        relevant = truth.relevant[truth.owners == row]
        others = set(np.flatnonzero(allowed)) - set(relevant)
        known = set(truth.places.of(query.history[0]))
        assert len(others) == 6
        assert not others & known
        ranked = [truth.places.of(np.array([i]))[0] for i in model(query, 30).lists()[0]]
        best = [place for place in ranked if allowed[place]][:4]
        assert found[row] == pytest.approx(len(set(best) & set(relevant)) / len(relevant))


def test_sampling_can_turn_the_order_of_two_models(split):
    """The point of the warning: one is better at the very top, the other in the middle."""
    users = Truth.of(split).queries

    def at(rank):
        def model(queries: Queries, k: int) -> Ranked:
            base = Popularity().fit(split.train)(Queries(queries.users, queries.history), 30)
            ids = []
            for row, user in enumerate(queries.users.tolist()):
                relevant = truth.items[truth.relevant[truth.owners == where[user]]].tolist()
                rest = [i for i in base.ids[row].tolist() if i not in relevant]
                place = rank(row)
                ids.append([*rest[:place], *relevant, *rest[place:]][:20])
            ids = np.array([row + [None] * (20 - len(row)) for row in ids], dtype=object)[:, :k]
            valid = ids != None  # noqa: E711
            return Ranked(ids, np.zeros(ids.shape), valid)

        return model

    truth = Truth.of(split, exclude_seen=False)
    where = {user: row for row, user in enumerate(truth.queries.users.tolist())}
    models = {"sometimes": at(lambda row: 0 if row % 3 == 0 else 15), "near": at(lambda row: 4)}
    with pytest.warns(SampledMetricsWarning):
        report = evaluate(models, split, ks=[3], exclude_seen=False, sampled=3)
    full, drawn = (
        {name: report.metrics[name][f"{prefix}hit_rate@3"] for name in models}
        for prefix in ("", "sampled3_")
    )
    assert len(users)
    assert full["sometimes"] > full["near"]
    assert drawn["sometimes"] < drawn["near"]


@pytest.mark.parametrize("count", [0, -1, 2.5, True])
def test_bad_counts(split, count):
    with pytest.raises(ConfigError, match="sampled of at least 1"):
        evaluate({}, split, ks=[3], sampled=count)

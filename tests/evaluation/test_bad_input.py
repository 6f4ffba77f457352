"""What goes wrong in practice, each with what is promised for it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.baselines import BPR, EASE, GFCF, IALS, ItemKNN, Popularity
from shortlist.data import Interactions, LeakWarning, Split
from shortlist.errors import DataError
from shortlist.evaluation import evaluate
from shortlist.index import Exact
from shortlist.ranked import Ranked

TRAIN = [("u", "a", 1), ("u", "b", 2), ("v", "a", 1), ("w", "c", 3), ("v", "c", 2), ("w", "b", 1)]
MODELS = [
    ItemKNN(), EASE(), GFCF(rank=2), IALS(embedding_dim=2), BPR(embedding_dim=2, epochs=2)
]  # fmt: skip


def split_of(test, train=TRAIN):
    parts = (
        Interactions(pl.DataFrame(rows, ["user", "item", "time"], orient="row"))
        for rows in (train, test)
    )
    before, after = parts
    return Split(before, None, after, "mine", "Mine.")


def fixed(ids, scores=None):
    """A model with one list for everybody."""

    def model(queries, k):
        shape = len(queries), len(ids)
        given = np.zeros(shape) if scores is None else np.tile(scores, (len(queries), 1))
        return Ranked(np.tile(np.array(ids), (len(queries), 1)), given, np.ones(shape, bool))

    return model


def test_users_without_test_items_are_neither_asked_nor_averaged():
    report = evaluate({"mine": fixed(["c"])}, split_of([("u", "c", 9)]), ks=[1])
    assert report.users.tolist() == ["u"]
    assert report.metrics["mine"]["recall@1"] == 1.0
    assert report.counts["users_left_out"] == 0


def test_users_with_nothing_but_what_they_know_are_left_out_and_counted():
    split = split_of([("u", "c", 9), ("v", "a", 9)])
    report = evaluate({}, split, ks=[1])
    assert report.users.tolist() == ["u"]
    assert report.counts["users_left_out"] == 1
    assert "1 users without anything new are left out" in report.table()
    with pytest.raises(DataError, match="No user of the test part has anything to be found"):
        evaluate({}, split_of([("v", "a", 9)]), ks=[1])


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_items_unseen_in_train_are_misses_and_reported_apart(model):
    split = split_of([("u", "new", 9), ("u", "c", 9)])
    report = evaluate({"mine": model.fit(split.train)}, split, ks=[3])
    assert report.counts["cold_relevant"] == 1
    assert report.metrics["mine"]["recall@3"] == 0.5
    assert report.metrics["mine"]["recall_cold@3"] == 0.0


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_users_of_whom_nothing_is_known_have_a_value(model):
    split = split_of([("stranger", "c", 9)])
    report = evaluate({"mine": model.fit(split.train)}, split, ks=[3])
    assert report.counts["cold_users"] == 1
    assert 0.0 <= report.metrics["mine"]["ndcg@3"] <= 1.0


def test_duplicate_recommendations_name_model_user_and_item():
    with pytest.raises(DataError, match="'mine' recommended item 'c' to user 'u' more than once"):
        evaluate({"mine": fixed(["c", "x", "c"])}, split_of([("u", "c", 9)]), ks=[3])


def test_lists_shorter_than_k_are_filled_with_misses():
    report = evaluate({"mine": fixed(["c"])}, split_of([("u", "c", 9), ("u", "d", 9)]), ks=[1, 5])
    mine = report.metrics["mine"]
    assert mine["precision@5"] == 0.2
    assert mine["recall@5"] == 0.5
    assert mine["ndcg@5"] == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_of_tied_scores_the_first_item_comes_first_always():
    split = split_of([("u", "c", 9)])
    items = ["z", "y", "c", "x"]
    index = Exact().build(np.ones((4, 2), dtype=np.float32), items)

    def tied(queries, k):
        vectors = np.ones((len(queries), 2), dtype=np.float32)
        return index.search(vectors, k, deny=queries.exclude)

    for _ in range(3):
        report = evaluate({"tied": tied, "same": fixed(items, np.ones(4))}, split, ks=[2, 3])
        for name in ("tied", "same"):
            assert report.metrics[name]["recall@2"] == 0.0
            assert report.metrics[name]["mrr@3"] == pytest.approx(1 / 3)


def test_nan_scores_name_the_model_and_the_user():
    model = fixed(["c", "x"], np.array([1.0, np.nan]))
    with pytest.raises(DataError, match="'mine' recommended item 'x' to user 'u' with a NaN"):
        evaluate({"mine": model}, split_of([("u", "c", 9)]), ks=[2])
    # Where a list has ended, a score says nothing.
    ended = Ranked(np.array([["c", "x"]]), np.array([[1.0, np.nan]]), np.array([[True, False]]))
    report = evaluate({"mine": lambda q, k: ended}, split_of([("u", "c", 9)]), ks=[2])
    assert report.metrics["mine"]["recall@2"] == 1.0


def test_infinite_scores_are_scores():
    model = fixed(["c", "x"], np.array([np.inf, -np.inf]))
    report = evaluate({"mine": model}, split_of([("u", "c", 9)]), ks=[1])
    assert report.metrics["mine"]["recall@1"] == 1.0


def test_test_events_before_train_are_warned_of_and_kept_in_the_report():
    with pytest.warns(LeakWarning, match="'u' is tested from 0 on and trained until 2"):
        report = evaluate(
            {"mine": Popularity().fit(split_of(TRAIN).train)}, split_of([("u", "c", 0)]), ks=[1]
        )
    assert len(report.leaks) == 1


def test_test_events_that_are_in_train_are_warned_of():
    split = split_of([("u", "a", 1), ("u", "c", 9)])
    with pytest.warns(LeakWarning) as caught:
        report = evaluate({}, split, ks=[1])
    assert "1 test events are in train as well" in str(caught[0].message)
    assert report.counts["relevant"] == 1

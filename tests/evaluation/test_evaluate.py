from __future__ import annotations

import json
import warnings

import numpy as np
import polars as pl
import pytest

from shortlist.baselines import EASE, Popularity
from shortlist.data import Interactions, LeakWarning, Split, splits
from shortlist.data.protocols import held_out_users
from shortlist.errors import ConfigError, DataError, SchemaError
from shortlist.evaluation import Truth, evaluate
from shortlist.queries import Queries
from shortlist.ranked import Ranked


def drawn(users=40, items=30, rows=600, kind=int):
    draw = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "user": [kind(u) for u in draw.integers(0, users, rows)],
            "item": [kind(i) for i in (draw.beta(0.7, 2, rows) * items).astype(int)],
            "time": np.arange(rows),
        }
    )
    return Interactions(frame.unique(["user", "item"], maintain_order=True))


def lists(answers):
    """A model that gives each user a fixed list, whatever is excluded."""

    def model(queries, k):
        rows = [answers[user] for user in queries.users.tolist()]
        width = max(map(len, rows))
        ids = np.array([row + [None] * (width - len(row)) for row in rows], dtype=object)
        valid = np.array([[True] * len(row) + [False] * (width - len(row)) for row in rows])
        return Ranked(ids, np.zeros(ids.shape), valid)

    return model


def split_of(train, test, validation=None):
    def log(rows):
        return Interactions(pl.DataFrame(rows, ["user", "item", "time"], orient="row"))

    parts = (log(train), None if validation is None else log(validation), log(test))
    return Split(*parts, "mine", "Mine.")


@pytest.fixture
def split():
    train = [("u", "a", 1), ("u", "b", 2), ("v", "a", 3), ("w", "c", 3)]
    test = [("u", "c", 5), ("u", "d", 5), ("u", "a", 6), ("x", "b", 6), ("v", "a", 7)]
    return split_of(train, test)


def test_every_figure_by_hand(split):
    report = evaluate({"mine": lists({"u": ["e", "c"], "x": ["b"]})}, split, ks=[2, 1])
    assert report.models == ["popularity", "mine"]
    assert report.users.tolist() == ["u", "x"]
    mine = report.metrics["mine"]
    assert mine["recall@1"] == (0 + 1) / 2
    assert mine["recall@2"] == (1 / 2 + 1) / 2
    assert mine["precision@2"] == (1 / 2 + 1 / 2) / 2
    assert mine["mrr@2"] == (1 / 2 + 1) / 2
    assert mine["map@2"] == (1 / 2 / 2 + 1) / 2
    second = 1 / np.log2(3)
    assert mine["ndcg@2"] == pytest.approx((second / (1 + second) + 1) / 2)
    assert mine["coverage@1"] == 1 / 3
    assert mine["coverage@2"] == 2 / 3
    assert mine["novelty@1"] == pytest.approx(np.log2(3))
    # Popularity knows a (2 users), b and c; u has seen a and b, and d is in no list.
    assert report.per_user["popularity"]["recall@2"].tolist() == [0.5, 1.0]
    assert report.counts == {
        "users": 2,
        "cold_users": 1,
        "users_left_out": 1,
        "relevant": 3,
        "cold_relevant": 1,
        "relevant_left_out": 2,
        "catalogue": 3,
    }


def test_what_the_models_are_asked(split):
    asked = []

    def spy(queries, k):
        asked.append((queries, k))
        return Popularity().fit(split.train)(queries, k)

    users = pl.DataFrame({"user": ["x", "u"], "age": [20, 30]})
    evaluate({"spy": spy}, split, ks=[5, 3], users=users, block_size=1)
    assert [(q.users.tolist(), k) for q, k in asked] == [(["u"], 5), (["x"], 5)]
    first, second = (q for q, _ in asked)
    assert first.history[0].tolist() == first.exclude[0].tolist() == ["a", "b"]
    assert len(second.history[0]) == 0
    assert first.features.rows() == [("u", 30)]
    evaluate({"spy": spy}, split, ks=[3], exclude_seen=False)
    everyone = asked[-1][0]
    assert everyone.exclude is None
    assert everyone.users.tolist() == ["u", "x", "v"]


def test_blocks_change_nothing():
    split = splits.by_user_time(drawn())
    models = {"ease": EASE(regularization=1.0).fit(split.train)}
    whole = evaluate(models, split, ks=[3, 9])
    small = evaluate(models, split, ks=[3, 9], block_size=7)
    assert small.metrics == whole.metrics
    assert whole.metrics["ease"]["ndcg@9"] > 0


@pytest.mark.parametrize("kind", [int, str])
def test_a_model_that_knows_the_answers_scores_one(kind):
    split = splits.by_user_time(drawn(kind=kind), test=0.1)
    answers = {user: list(dict.fromkeys(i.tolist())) for user, i in split.test.by_user().items()}
    report = evaluate({"oracle": lists(answers)}, split, ks=[30])
    for metric in ("ndcg", "recall", "hit_rate", "mrr", "map"):
        assert report.metrics["oracle"][f"{metric}@30"] == pytest.approx(1.0)


def test_cold_users_are_reported_apart(split):
    report = evaluate({}, split, ks=[1])
    cut = report.to_dict()
    assert cut["cold_users"]["popularity"]["recall@1"] == 0.0
    assert cut["known_users"]["popularity"]["recall@1"] == 0.5
    assert cut["metrics"]["popularity"]["recall@1"] == 0.25
    assert "no history" in report.table()


def test_validation():
    train, validation, test = [("u", "a", 1)], [("u", "b", 2)], [("u", "c", 3)]
    split = split_of(train, test, validation)
    truth = Truth.of(split)
    assert truth.queries.history[0].tolist() == ["a", "b"]
    tuning = Truth.of(split, part="validation")
    assert tuning.queries.history[0].tolist() == ["a"]
    assert tuning.items[tuning.relevant].tolist() == ["b"]
    with pytest.raises(ConfigError, match="validation"):
        Truth.of(split_of(train, test), part="validation")


def test_the_catalogue_may_be_larger_than_train(split):
    frame = pl.DataFrame({"item": list("abcdefghij")})
    report = evaluate({"mine": lists({"u": ["j"], "x": ["zz"]})}, split, ks=[1], items=frame)
    assert report.metrics["mine"]["coverage@1"] == 0.1
    assert report.counts["catalogue"] == 10


def test_leaks_are_warned_of():
    split = split_of([("u", "a", 5), ("v", "a", 1)], [("u", "b", 4), ("v", "a", 1), ("v", "b", 9)])
    with pytest.warns(LeakWarning) as caught:
        report = evaluate({}, split)
    messages = [str(w.message) for w in caught]
    assert "1 test events are in train as well" in messages[0]
    assert "1 of 2 test users" in messages[1]
    assert "user 'u'" in messages[1]
    assert report.leaks == messages
    assert "Leak: 1 test events" in report.table()


def test_a_clean_split_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in (splits.by_user_time, splits.by_time, splits.leave_last_out):
            evaluate({}, make(drawn()), ks=[5])


def nan_model(queries, k):
    scores = np.zeros((len(queries), 2))
    scores[-1, 1] = np.nan
    return Ranked(np.tile(["b", "c"], (len(queries), 1)), scores, np.ones(scores.shape))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nan_model, "'mine' recommended item 'c' to user 'x' with a NaN"),
        (lists({"u": ["b", "z", "z"], "x": []}), "item 'z' to user 'u' more than once"),
        (lambda queries, k: None, "'mine' was expected to return a Ranked.* None"),
        (
            lambda queries, k: Ranked(np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1))),
            "each of 2 queries; it returned 1 lists",
        ),
    ],
)
def test_models_that_answer_wrongly_are_named(split, model, message):
    with pytest.raises(DataError, match=message):
        evaluate({"mine": model}, split, ks=[3])


def test_empty_lists_are_misses(split):
    report = evaluate({"mine": lists({"u": [], "x": []})}, split, ks=[3])
    assert report.metrics["mine"]["ndcg@3"] == 0.0
    assert np.isnan(report.metrics["mine"]["novelty@3"])
    assert json.loads(json.dumps(report.to_dict()))["metrics"]["mine"]["novelty@3"] is None
    assert "nan" in report.table()


def test_bad_input(split):
    with pytest.raises(ConfigError, match="taken"):
        evaluate({"popularity": lists({})}, split)
    for ks in ([], [0], [2.5]):
        with pytest.raises(ConfigError):
            evaluate({}, split, ks=ks)
    with pytest.raises(DataError, match="anything to be found"):
        evaluate({}, split_of([("u", "a", 1)], [("u", "a", 2)]))
    with pytest.raises(SchemaError, match="user 'u' has several"):
        evaluate({}, split, users=pl.DataFrame({"user": ["u", "u"]}))
    with pytest.raises(SchemaError, match="column 'item'"):
        evaluate({}, split, items=pl.DataFrame({"id": ["u"]}))
    with pytest.raises(SchemaError, match="column 'user'"):
        evaluate({}, split, users=pl.DataFrame({"id": ["u"]}))


def test_table_and_names(split):
    report = evaluate({"mine": lists({"u": ["c"], "x": ["b"]})}, split, ks=[1])
    lines = report.table(["ndcg@1", "recall@1"]).splitlines()
    assert lines[0].split() == ["popularity", "mine"]
    assert lines[1].split() == ["ndcg@1", "0.5000", "1.0000"]
    assert lines[4] == "Mine."
    with pytest.raises(ConfigError, match="Did you mean 'ndcg@1'"):
        report.table(["ndgc@1"])


def test_intervals_and_comparisons_are_those_of_the_users():
    split = splits.by_user_time(drawn())
    report = evaluate({"ease": EASE(regularization=1.0).fit(split.train)}, split, ks=[5])
    low, high = report.intervals("ndcg@5")["ease"]
    assert low < report.metrics["ease"]["ndcg@5"] < high
    (comparison,) = report.comparisons("ndcg@5")
    assert (comparison.model, comparison.other) == ("ease", "popularity")
    for ask in (report.intervals, report.comparisons):
        with pytest.raises(ConfigError, match="Did you mean 'ndcg@5'"):
            ask("ndgc@5")


def test_no_users_are_asked_twice():
    split = splits.by_user_time(drawn())
    truth = Truth.of(split)
    assert len(set(truth.queries.users.tolist())) == len(truth.queries)
    assert truth.sizes.sum() == truth.counts["relevant"]
    assert isinstance(truth.queries, Queries)


def test_held_out_users_are_asked_with_what_they_did_before():
    split = held_out_users(drawn(), 0.2, 0.1, seed=0)
    for part in ("test", "validation"):
        truth = Truth.of(split, part=part)
        before = split.fold_in.by_user()
        for user, history in zip(truth.queries.users, truth.queries.history, strict=True):
            assert history.tolist() == before[user].tolist()
            assert user not in split.train.users
    report = evaluate({"ease": EASE(regularization=1.0).fit(split.train)}, split, ks=[5])
    assert report.metrics["ease"]["ndcg@5"] > 0

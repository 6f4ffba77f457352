from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.data import Interactions, Split
from shortlist.errors import ConfigError, SchemaError
from shortlist.evaluation import evaluate
from shortlist.ranked import Ranked

ITEMS = pl.DataFrame(
    {
        "item": list("abcde"),
        "genres": [["x"], ["x", "y"], ["y"], ["z"], None],
        "kind": list("ppqqr"),
    }
)


def log(rows):
    return Interactions(pl.DataFrame(rows, ["user", "item", "time"], orient="row"))


@pytest.fixture
def split():
    train = [("u", "a", 1), ("v", "a", 2), ("w", "a", 2), ("w", "b", 3), ("v", "c", 3)]
    test = [("u", "b", 5), ("u", "d", 5), ("v", "b", 6), ("w", "c", 7), ("w", "d", 7)]
    return Split(log(train), None, log(test), "mine", "Mine.")


def mine(queries, k):
    answers = {"u": ["d", "c"], "v": ["b", "nowhere"], "w": ["c", "d"]}
    ids = np.array([answers[user] for user in queries.users.tolist()])[:, :k]
    return Ranked(ids, np.zeros(ids.shape), np.ones(ids.shape))


def test_every_figure_by_hand(split):
    report = evaluate({"mine": mine}, split, ks=[1, 2], items=ITEMS, categories="genres")
    found = {name: values.tolist() for name, values in report.per_user["mine"].items()}
    # a, met by three of five, and the next, b, make four fifths; c is the tail and d is cold.
    assert found["recall_cold@2"] == [1.0, pytest.approx(np.nan, nan_ok=True), 1.0]
    assert found["recall_head@2"][:2] == [0.0, 1.0]
    assert found["recall_tail@1"][2] == 1.0
    assert found["popularity@2"] == pytest.approx([1 / 6, 1 / 6, 1 / 6])
    # Popularity shows u b and c, v b, and w c: only d is a surprise.
    assert found["serendipity@2"] == [0.5, 0.0, 0.5]
    assert found["diversity@2"][0] == pytest.approx(1.0)
    assert np.isnan(found["diversity@1"][0])
    # u liked x alone and is shown z, then y.
    assert found["calibration_kl@2"][0] == pytest.approx(-np.log(0.01))
    shown = np.array([0, 1, 2, 2, 0])
    gaps = np.abs(shown[:, None] - shown).mean()
    assert report.metrics["mine"]["gini@2"] == pytest.approx(gaps / (2 * shown.mean()))
    assert report.metrics["popularity"]["serendipity@2"] == 0.0


def test_values_may_be_categories_too(split):
    report = evaluate({"mine": mine}, split, ks=[2], items=ITEMS, categories="kind")
    assert report.per_user["mine"]["diversity@2"].tolist() == pytest.approx([0.0, 1.0, 0.0])
    assert "diversity@2" not in evaluate({}, split, ks=[2]).metrics["popularity"]


def test_segments(split):
    report = evaluate({"mine": mine}, split, ks=[2])
    assert report.activity.tolist() == [1, 2, 2]
    cut = report.by(["few", "many", "many"])
    assert list(cut) == ["few", "many"]
    for label, users in (("few", [0]), ("many", [1, 2])):
        expected = report.per_user["mine"]["recall@2"][users].mean()
        assert cut[label]["mine"]["recall@2"] == expected
    assert report.by(np.array([1, 2, 2]))[1] == cut["few"]
    for call in (lambda: report.by(["few"]), lambda: report.of(np.array([True]))):
        with pytest.raises(ConfigError, match="each of 3 users"):
            call()


def test_bad_input(split):
    with pytest.raises(SchemaError, match="Did you mean 'genres'"):
        evaluate({}, split, items=ITEMS, categories="genre")
    with pytest.raises(SchemaError, match="column 'genres'"):
        evaluate({}, split, categories="genres")

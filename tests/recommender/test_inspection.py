import json

import polars as pl
import pytest

from shortlist.baselines import Popularity
from shortlist.data import Interactions
from shortlist.errors import BundleError
from shortlist.postranking import AttributeCap, Pipeline, Seen
from shortlist.recommender import Recommender, UserStore
from shortlist.recommender.card import card
from shortlist.recommender.inspection import diff, show, verify
from shortlist.recommender.provenance import fingerprint, libraries

LOG = Interactions({"user": [1, 1, 2, 3], "item": ["a", "b", "a", "c"], "time": [1, 2, 1, 3]})
ABOUT = {
    "seed": 42,
    "data": {"name": "toy", "fingerprint": fingerprint(LOG.frame)},
    "split": {"name": "time", "description": "The last part."},
    "metrics": {"popularity": {"ndcg@10": 0.25, "map@10": 0.5}},
    "libraries": libraries(),
}


def saved(path, items="abcd", about=ABOUT, steps=()):
    Recommender(
        Popularity().fit(LOG),
        UserStore.of(LOG),
        pl.DataFrame({"item": list(items), "kind": ["x"] * len(items)}),
        fallback=Popularity().fit(LOG),
        postranker=Pipeline([Seen(), *steps]),
        pool=5,
    ).save(path, about=about)
    return path


def test_show_says_what_is_there(tmp_path):
    saved(tmp_path / "1")
    found = show(tmp_path)
    assert found["bundle"] == tmp_path / "1"
    assert (found["items"], found["users"], found["interactions"]) == (4, 3, 4)
    assert found["postranking"] == ["seen"]
    assert found["data"] == ABOUT["data"]
    assert found["metrics"] == ABOUT["metrics"]
    assert found["bytes"] == sum(
        f.stat().st_size for f in tmp_path.rglob("*") if f.is_file() and f.name != "manifest.json"
    )


def test_verify_reads_everything(tmp_path):
    saved(tmp_path / "1")
    assert verify(tmp_path)["whole"]
    (tmp_path / "1" / "README.md").write_text("altered")
    with pytest.raises(BundleError, match=r"README\.md is damaged"):
        verify(tmp_path)


def test_diff_says_what_changed_and_nothing_else(tmp_path):
    one = saved(tmp_path / "1")
    about = {**ABOUT, "seed": 7, "metrics": {"popularity": {"ndcg@10": 0.5, "map@10": 0.5}}}
    cap = AttributeCap(column="kind", at_most=1, skipped="drop")
    other = saved(tmp_path / "2", "abe", about, [cap])
    found = diff(one, other, k=2)
    assert found["settings"]["seed"] == [42, 7]
    assert list(found["settings"]) == ["seed", "recommender.postranker.steps"]
    assert found["metrics"] == {"popularity": {"ndcg@10": [0.25, 0.5]}}
    assert found["items"] == {"before": 4, "after": 3, "added": 1, "removed": 2}
    assert found["users"]["added"] == found["users"]["removed"] == 0
    assert found["answers"]["users"] == 3
    assert found["answers"]["overlap"] < 1
    same = diff(one, one)
    assert (same["settings"], same["metrics"]) == ({}, {})
    assert same["answers"]["identical"] == 1
    assert diff(one, other, users=0)["answers"]["overlap"] is None


def test_the_card_is_markdown_with_a_head(tmp_path):
    text = (saved(tmp_path / "1") / "README.md").read_text()
    assert text.startswith("---\nlibrary_name: shortlist\n")
    for part in ("| items | 4 |", "| name | toy |", "| seed | 42 |", "| popularity | 0.2500 |"):
        assert part in text
    assert "Metrics" not in card({"items": 3}, {})


def test_the_fingerprint_is_that_of_the_values():
    frame = pl.DataFrame({"a": [1, None], "b": ["ab", "c"], "c": [0.5, 1.5]})
    prints = {
        fingerprint(frame),
        fingerprint(frame.with_columns(a=pl.Series([1, 0]))),
        fingerprint(frame.with_columns(b=pl.Series(["a", "bc"]))),
        fingerprint(frame.with_columns(c=pl.Series([0.5, 1.25]))),
        fingerprint(frame.rename({"a": "d"})),
        fingerprint(frame.with_columns(pl.col("a").cast(pl.Int32))),
    }
    assert len(prints) == 6
    assert fingerprint(frame) == (
        "4b75b9b3c0ae062ed4ae5f206552ea15fbf126cd61bf06dc5b6c9ee5d85db09d"
    )


def test_libraries_are_named_with_their_versions():
    found = libraries()
    assert {"python", "shortlist", "numpy", "polars"} <= set(found)
    json.dumps(found)

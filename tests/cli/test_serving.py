"""The commands around the server: export and replay, and what serve refuses before it starts."""

import polars as pl
import pytest

from shortlist.baselines import Popularity
from shortlist.data import Interactions
from shortlist.postranking import Pipeline, Seen
from shortlist.recommender import Recommender, UserStore
from shortlist.serving.state import Event, Impression, Request, StateStore


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state.db"
    store = StateStore.open(path)
    store.write(
        [
            Event("a", 1, 10, "click", 5.0, value=2.5, context={"page": 1}),
            Event("b", 2, 11, "view", 6.0),
            Impression("s", "r1", None, 10, 1, 7.0, 0.25),
            Request("r1", 7.0, "1", None, {"k": 2}, (10, 11), (2.0, 1.0), (None, None)),
            Request("r2", 8.0, "1", 1, {"k": 2, "exclude": [11]}, (12,), (1.0,), (None,)),
            Request("r3", 9.0, "1", None, {"k": 2, "where": "year ==="}, (), (), ()),
        ]
    )
    store.close()
    return path


def saved(path, items):
    log = Interactions({"user": list(range(len(items))), "item": items, "time": [1] * len(items)})
    frame = pl.DataFrame({"item": sorted(set(items))})
    popular = Popularity().fit(log)
    recommender = Recommender(
        popular, UserStore.of(log), frame, fallback=popular, postranker=Pipeline([Seen()]), pool=3
    )
    recommender.save(path)
    return str(path)


def test_events_become_a_file_to_train_on(cli, state, tmp_path):
    out, shown = tmp_path / "deep" / "events.parquet", tmp_path / "shown.parquet"
    ended = cli(
        "export-events", str(state), "--out", str(out), "--impressions", str(shown), "--json"
    )
    assert ended.code == 0, ended.err
    assert ended.json["events"] == 2
    frame = pl.read_parquet(out)
    assert frame["user"].to_list() == [1, 2]
    assert frame["value"].to_list() == [2.5, None]
    assert Interactions(out).frame["item"].to_list() == [10, 11]
    assert pl.read_parquet(shown).row(0) == (None, 10, 1, 7.0, 0.25, "r1")
    last = str(ended.json["last"])
    again = cli("export-events", str(state), "--out", str(out), "--after", last, "--json")
    assert again.json["events"] == 0
    assert pl.read_parquet(out).height == 0
    for_people = cli("export-events", str(state), "--out", str(out))
    assert "2 events in" in for_people.out


def test_ids_of_two_kinds_do_not_fit_one_file(cli, state, tmp_path):
    store = StateStore.open(state)
    store.write([Event("c", "anna", 10, "click", 5.0)])
    store.close()
    ended = cli("export-events", str(state), "--out", str(tmp_path / "events.parquet"))
    assert ended.code == 3
    assert "user ids of one kind" in ended.err
    assert not (tmp_path / "events.parquet").exists()


def test_a_replay_shows_what_differs(cli, state, tmp_path):
    one = saved(tmp_path / "one", [10, 10, 10, 11, 11, 12])
    other = saved(tmp_path / "other", [10, 11, 11, 11, 12, 12])
    ended = cli("replay", str(state), one, other, "--json")
    assert ended.code == 0, ended.err
    found = ended.json
    assert (found["requests"], found["failed"], found["same"]) == (3, 1, 0)
    assert "Could not read the condition" in found["reason"]
    first = {d["request"]: (d["one"], d["other"]) for d in found["differences"]}
    assert first["r1"] == ([10, 11], [11, 12])
    same = cli("replay", str(state), one, one, "--json").json
    assert (same["same"], same["overlap"], same["moved"]) == (2, 1.0, 0.0)
    for_people = cli("replay", str(state), one, other, "--shown", "1")
    assert "the same first item" in for_people.out


def test_there_has_to_be_a_state(cli, tmp_path):
    ended = cli("export-events", str(tmp_path / "no.db"), "--out", str(tmp_path / "o.parquet"))
    assert ended.code == 2
    assert "there is no such file" in ended.err
    assert not (tmp_path / "no.db").exists()


def test_what_serve_refuses_before_it_starts(cli, tmp_path, monkeypatch):
    monkeypatch.delenv("SHORTLIST_API_KEY", raising=False)
    bundle = str(tmp_path)
    assert "SHORTLIST_API_KEY" in cli("serve", bundle, "--host", "0.0.0.0").err  # noqa: S104
    assert cli("serve", bundle, "--max-queue", "0").code == 2
    monkeypatch.setenv("SHORTLIST_API_KEY", "short")
    ended = cli("serve", bundle)
    assert ended.code == 2
    assert "at least 16" in ended.err
    monkeypatch.setenv("SHORTLIST_API_KEY_FILE", str(tmp_path / "none"))
    assert "cannot be read" in cli("serve", bundle).err

"""Two towers behind the server: conditions, features, likeness, and items that are new."""

from __future__ import annotations

import polars as pl
import pytest
from tests.serving.serverside import Server

from shortlist.baselines import Popularity
from shortlist.data import Interactions
from shortlist.postranking import Pipeline, Seen
from shortlist.recommender import Recommender, UserStore
from shortlist.recommender.config import FeaturesConfig
from shortlist.recommender.encoders import Encoders
from shortlist.recommender.retrieval import TowerRetriever
from shortlist.serving import Settings

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.backend, pytest.mark.slow]  # the export to ONNX takes its time

ITEMS = pl.DataFrame(
    {
        "item": [f"film/{n}" for n in range(40)],
        "title": [f"Film {n}" for n in range(40)],
        "year": [1980 + n for n in range(40)],
        "genres": [["drama"] if n % 2 else ["comedy", "war"] for n in range(40)],
    }
)
USERS = pl.DataFrame({"user": ["anna", "bert", "cleo"], "job": ["cook", "cook", "clerk"]})
LOG = Interactions(
    {
        "user": ["anna", "anna", "bert", "bert", "cleo"],
        "item": ["film/0", "film/1", "film/1", "film/2", "film/3"],
        "time": list(range(5)),
    }
)


@pytest.fixture(scope="module")
def towers(tmp_path_factory):
    """A bundle with towers as they are before they learn anything."""
    from shortlist.models import TwoTower
    from shortlist.training import set_seed

    set_seed(3)
    encoders = Encoders.fit(LOG, USERS, ITEMS, FeaturesConfig(), 8)
    query, candidate = encoders.query.describe(), encoders.candidate.describe()
    model = TwoTower(query, candidate, embedding_dim=8, history="history")
    model.build_all()
    recommender = Recommender(
        TowerRetriever.of(model, encoders.query, encoders.candidate, ITEMS),
        UserStore.of(LOG, USERS),
        ITEMS,
        fallback=Popularity().fit(LOG),
        postranker=Pipeline([Seen()]),
        pool=20,
    )
    folder = tmp_path_factory.mktemp("bundles") / "towers"
    recommender.save(folder / "1")
    return folder


@pytest.fixture
def server(towers, tmp_path):
    with Server(Settings(towers, state=tmp_path / "state.db", deadline=30.0)) as started:
        yield started


def test_conditions_hold(server):
    found = server.recommended(
        {"user": "anna", "k": 30, "where": 'year >= 2000 and "war" in genres'}
    )
    assert sorted(found) == sorted(f"film/{n}" for n in range(20, 40, 2))
    for where, said in (("yeer > 3", "Did you mean 'year'"), ("__import__('os')", "cannot hold")):
        problem = server.post("/v1/recommend", {"where": where})
        assert problem.status_code == 422
        assert said in problem.json()["detail"]


def test_features_make_somebody_new_known(server):
    cook = server.post("/v1/recommend", {"features": {"job": "cook"}, "k": 5}).json()
    clerk = server.post("/v1/recommend", {"features": {"job": "clerk"}, "k": 5}).json()
    assert not cook["fallback"]
    assert [e["score"] for e in cook["items"]] != [e["score"] for e in clerk["items"]]
    for features, said in (({"jobb": "cook"}, "Did you mean 'job'"), ({"job": 5}, "does not fit")):
        problem = server.post("/v1/recommend", {"features": features})
        assert problem.status_code == 422
        assert said in problem.json()["detail"]
    assert server.put("/v1/users/dora", {"attributes": {"job": "cook"}}).status_code == 200
    dora = server.post("/v1/recommend", {"user": "dora", "k": 5}).json()
    assert [e["item"] for e in dora["items"]] == [e["item"] for e in cook["items"]]
    assert server.put("/v1/users/dora", {"attributes": {"wage": 5}}).status_code == 422


def test_many_different_questions_at_once_are_answered_as_each_alone(server):
    bodies = [
        {"user": user, "k": k, **more}
        for user in ("anna", "bert", "nobody", None)
        for k in (3, 7)
        for more in (
            {},
            {"where": "year < 2000"},
            {"diversity": 0.5},
            {"exclude_seen": False},
            {"features": {"job": "clerk"}},
            {"history": ["film/9", "film/8"]},
        )
    ]
    together = [found.json() for found in server.post_all("/v1/recommend", bodies)]
    for body, found in zip(bodies, together, strict=True):
        alone = server.post("/v1/recommend", body).json()
        assert [e["item"] for e in found["items"]] == [e["item"] for e in alone["items"]]
        assert found["fallback"] == alone["fallback"]


def test_likeness(server):
    found = server.post("/v1/similar", {"items": ["film/0", "film/5"], "k": 3}).json()
    assert [answer["item"] for answer in found["answers"]] == ["film/0", "film/5"]
    for answer in found["answers"]:
        assert len(answer["items"]) == 3
        assert answer["item"] not in [entry["item"] for entry in answer["items"]]
    missing = server.post("/v1/similar", {"items": ["film/0", "film/77"]})
    assert missing.status_code == 404


def test_a_new_item_is_recommended_at_once_and_after_a_restart(towers, tmp_path):
    settings = Settings(towers, state=tmp_path / "state.db", deadline=30.0)
    fresh = {"title": "Film new", "year": 2050, "genres": ["war"]}
    everything = {"user": "anna", "k": 100, "where": "year >= 2019"}
    with Server(settings) as server:
        assert server.recommended(everything) == ["film/39"]
        found = server.put("/v1/items/film%2Fnew", {"attributes": fresh})
        assert found.json() == {"model": "1", "changed": 1}
        assert sorted(server.recommended(everything)) == ["film/39", "film/new"]
        told = server.get("/v1/items/film%2Fnew").json()
        assert told == {"item": "film/new", "attributes": fresh}
        near = server.post("/v1/similar", {"items": ["film/new"], "k": 2})
        assert len(near.json()["answers"][0]["items"]) == 2
        assert server.delete("/v1/items/film/39").status_code == 200
        assert server.recommended(everything) == ["film/new"]
        assert server.delete("/v1/items/film/39").status_code == 404
        # It can be met, and then counts as met.
        event = {"events": [{"user": "anna", "item": "film/new"}]}
        assert server.post("/v1/events", event).status_code == 200
        assert server.recommended(everything) == []
    with Server(settings) as server:
        assert server.recommended({**everything, "user": "bert"}) == ["film/new"]
        server.post("/v1/models/reload", {})
        assert server.recommended({**everything, "user": "bert"}) == ["film/new"]


def test_items_that_do_not_fit_change_nothing(server):
    for attributes, said in (
        ({"yeer": 1999}, "Did you mean 'year'"),
        ({"year": "old"}, "'year'"),
        ({"year": [1]}, "'year'"),
        ({"genres": "war"}, "'genres'"),
    ):
        for found in (
            server.put("/v1/items/x", {"attributes": attributes}),
            server.post(
                "/v1/items", {"items": [{"item": "y"}, {"item": "x", "attributes": attributes}]}
            ),
        ):
            assert found.status_code == 422
            assert said in found.json()["detail"]
    assert server.get("/v1/items/y").status_code == 404
    assert server.service.state.item_changes() == []
    many = {"items": [{"item": f"new{n}", "attributes": {"year": 2000}} for n in range(50)]}
    assert server.post("/v1/items", many).json()["changed"] == 50
    assert server.get("/v1/models").json()["models"][0]["items"] == 90

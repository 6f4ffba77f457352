import time

import pytest
from tests.serving.conftest import popular
from tests.serving.serverside import Server

from shortlist.serving import Settings, StateStore
from shortlist.serving.asks import Ask
from shortlist.serving.state import Request


@pytest.fixture
def fresh(made, tmp_path):
    """A server of the test's own."""
    with Server(Settings(made, state=tmp_path / "state.db")) as started:
        yield started


def event(user=99, item=10, **more):
    return {"events": [{"user": user, "item": item, **more}]}


def stored(found):
    assert found.status_code == 200, found.text
    told = found.json()
    return told["stored"], told["duplicates"], told["conflicts"]


def test_what_a_user_did_counts_at_once(fresh):
    assert fresh.recommended({"user": 99, "k": 2}) == [10, 11]
    assert stored(fresh.post("/v1/events", event(99, 10))) == (1, 0, [])
    found = fresh.post("/v1/recommend", {"user": 99, "k": 2}).json()
    assert [entry["item"] for entry in found["items"]] == [11, 12]
    assert not found["fallback"]
    assert fresh.recommended({"user": 99, "k": 1, "exclude_seen": False}) == [10]
    told = fresh.get("/v1/users/99").json()
    assert told == {"user": 99, "attributes": None, "events": 1, "known": False}


def test_an_event_that_is_sent_again_is_stored_once(fresh):
    one = event(key="k1", type="click", value=1.5, context={"page": "home"})
    assert stored(fresh.post("/v1/events", one)) == (1, 0, [])
    assert stored(fresh.post("/v1/events", one)) == (0, 1, [])
    other = event(key="k1", type="click", item=11)
    assert stored(fresh.post("/v1/events", other)) == (0, 0, ["k1"])
    many = fresh.post_all("/v1/events", [one] * 20)
    assert [stored(found) for found in many] == [(0, 1, [])] * 20


def test_events_without_a_key_are_all_stored(fresh):
    assert stored(fresh.post("/v1/events", event())) == (1, 0, [])
    assert stored(fresh.post("/v1/events", event())) == (1, 0, [])
    assert fresh.get("/v1/users/99").json()["events"] == 2


def test_many_at_once_are_all_stored(fresh):
    bodies = [event(n, 10, key=f"k{n}") for n in range(200)]
    found = fresh.post_all("/v1/events", bodies)
    assert {stored(one) for one in map(_hashable, found)} == {(1, 0, ())}
    assert len(list(fresh.service.state.events())) == 200


def _hashable(found):
    class Told:
        status_code, text = found.status_code, found.text

        def json(self):
            return {**found.json(), "conflicts": tuple(found.json()["conflicts"])}

    return Told()


def test_items_nobody_knows_are_stored_and_mean_nothing(fresh):
    assert stored(fresh.post("/v1/events", event(99, 12345))) == (1, 0, [])
    found = fresh.post("/v1/recommend", {"user": 99, "k": 2}).json()
    assert found["fallback"]


def test_events_of_another_kind_of_ids_are_refused(fresh):
    found = fresh.post("/v1/events", event("99"))
    assert found.status_code == 422
    assert list(fresh.service.state.events()) == []


def test_a_user_can_be_deleted(fresh):
    fresh.post("/v1/events", event(1, 12))
    answer = fresh.post("/v1/recommend", {"user": 1, "k": 2}).json()
    fresh.post("/v1/impressions", {"request": answer["request"], "items": [13]})
    assert fresh.recommended({"user": 1}) == [13, 14]
    assert fresh.delete("/v1/users/1").json() == {"user": 1, "erased": True}
    assert list(fresh.service.state.events()) == []
    assert list(fresh.service.state.requests()) == []
    assert list(fresh.service.state.impressions()) == []
    # The bundle knows them still, and is not asked.
    found = fresh.post("/v1/recommend", {"user": 1, "k": 2}).json()
    assert [entry["item"] for entry in found["items"]] == [10, 11]
    assert found["fallback"]
    assert fresh.get("/v1/users/1").json()["known"] is False
    fresh.post("/v1/events", event(1, 10))
    assert fresh.recommended({"user": 1, "k": 2}) == [11, 12]


def test_impressions_take_the_propensities_of_the_request(tmp_path):
    popular(explore=0.5).save(tmp_path / "b" / "1")
    with Server(Settings(tmp_path / "b")) as server:
        answer = server.post("/v1/recommend", {"user": 4, "k": 3}).json()
        drawn = {entry["item"]: entry["propensity"] for entry in answer["items"]}
        assert all(0 < propensity <= 1 for propensity in drawn.values())
        shown = list(drawn)[:2]
        body = {"request": answer["request"], "items": shown}
        assert stored(server.post("/v1/impressions", body)) == (2, 0, [])
        assert stored(server.post("/v1/impressions", body)) == (0, 2, [])
        kept = list(server.service.state.impressions())
        assert [(one.user, one.item, one.position) for one in kept] == [
            (4, shown[0], 1),
            (4, shown[1], 2),
        ]
        assert {one.item: one.propensity for one in kept} == {i: drawn[i] for i in shown}
        # Another seed for every answer, or nothing would ever be explored.
        lists = {tuple(server.recommended({"user": 4, "k": 3})) for _ in range(40)}
        assert len(lists) > 1


def test_requests_are_logged_as_they_were_asked(fresh):
    body = {"user": 4, "k": 2, "exclude": [12], "exclude_seen": False}
    answer = fresh.post("/v1/recommend", body).json()
    fresh.post("/v1/events", event())  # comes after it in the same queue
    [kept] = fresh.service.state.requests()
    assert kept.id == answer["request"]
    assert kept.model == "1"
    assert kept.user == 4
    assert kept.asked == {"k": 2, "exclude": [12], "exclude_seen": False}
    assert list(kept.items) == [entry["item"] for entry in answer["items"]]


def test_logging_can_be_left_out(made, tmp_path):
    with Server(Settings(made, state=tmp_path / "s.db", log_requests=0.0)) as server:
        server.recommended({"user": 1})
        server.post("/v1/events", event())
        assert list(server.service.state.requests()) == []


def test_old_requests_are_forgotten(made, tmp_path):
    settings = Settings(made, state=tmp_path / "s.db", keep_requests=1.0)
    store = StateStore.open(tmp_path / "s.db")
    ages = {"old": 2 * 86_400, "young": 100}
    for name, age in ages.items():
        asked = Request(name, time.time() - age, "1", None, {"k": 1}, (10,), (1.0,), (None,))
        store.write([asked])
    store.close()
    with Server(settings) as server:
        while server.service.state.request("old") is not None:
            server.get("/health/live")
        assert server.service.state.request("young") is not None


def test_it_is_all_there_after_a_restart(made, tmp_path):
    settings = Settings(made, state=tmp_path / "state.db")
    with Server(settings) as server:
        server.post("/v1/events", event(99, 10))
    with Server(settings) as server:
        assert server.recommended({"user": 99, "k": 1}) == [11]


def test_without_its_state_it_goes_on_recommending_and_stores_nothing(fresh):
    with fresh.service.state._engine.begin() as connection:
        for name in ("events", "users"):
            connection.exec_driver_sql(f"DROP TABLE shortlist_{name}")
    assert fresh.recommended({"user": 1, "k": 1}) == [12]
    found = fresh.post("/v1/events", event())
    assert found.status_code == 503
    assert found.json()["type"] == "urn:shortlist:problem:state"
    assert "shortlist_failures_total" in fresh.get("/metrics").text


def test_a_state_can_be_beside_the_bundle(bundle):
    with Server(Settings(bundle)) as server:
        server.post("/v1/events", event())
    store = StateStore.open(bundle / ".state" / "shortlist.db")
    assert len(list(store.events())) == 1
    store.close()


def test_a_bundle_that_learned_of_the_events_does_not_count_them_twice(made, tmp_path):
    with Server(Settings(made, state=tmp_path / "s.db")) as server:
        # User 1 has met items 10 and 11 in the bundle; item 12 is new.
        for item in (11, 10, 12):
            server.post("/v1/events", event(1, item))
        [profile] = server.service.state.profiles([1]).values()
        told = server.service.engine._told_of(Ask(user=1, history=(13,)), profile)
        assert told == (1, [12, 13], {})

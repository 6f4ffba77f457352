import shutil
import time

import pytest
from tests.serving.conftest import LOG, popular
from tests.serving.serverside import Server

from shortlist.data import Interactions
from shortlist.errors import BundleError
from shortlist.serving import Settings, create_app
from shortlist.serving.engine import Engine
from shortlist.serving.problems import ProblemError


def other_log():
    """Item 13 is the most popular here."""
    frame = LOG.frame.to_dict(as_series=False)
    more = {"user": [6, 7, 8, 9], "item": [13] * 4, "time": [1] * 4}
    return Interactions({name: frame[name] + more[name] for name in more})


@pytest.fixture
def fresh(bundle):
    with Server(Settings(bundle)) as started:
        yield started


def statuses(server):
    return {m["version"]: m["status"] for m in server.get("/v1/models").json()["models"]}


def damage(folder):
    path = next(path for path in folder.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def test_a_new_version_takes_over_when_asked_to(fresh, bundle):
    assert fresh.recommended({"k": 1}) == [10]
    popular(other_log()).save(bundle / "2")
    assert statuses(fresh) == {"1": "serving", "2": "available"}
    assert fresh.recommended({"k": 1}) == [10]
    found = fresh.post("/v1/models/reload", {})
    assert found.status_code == 200
    assert statuses(fresh) == {"1": "available", "2": "serving"}
    assert fresh.recommended({"k": 1}) == [13]
    assert fresh.post("/v1/models/reload", {"version": "1"}).status_code == 200
    assert fresh.recommended({"k": 1}) == [10]


def test_a_bad_version_never_replaces_a_good_one(fresh, bundle):
    shutil.copytree(bundle / "1", bundle / "2")
    damage(bundle / "2")
    found = fresh.post("/v1/models/reload", {})
    assert found.status_code == 409
    assert "damaged" in found.json()["detail"]
    assert statuses(fresh) == {"1": "serving", "2": "bad"}
    assert fresh.recommended({"k": 1}) == [10]
    missing = fresh.post("/v1/models/reload", {"version": "../1"})
    assert missing.status_code == 409
    shutil.rmtree(bundle / "2")
    popular(other_log()).save(bundle / "2")
    assert statuses(fresh) == {"1": "serving", "2": "available"}
    fresh.post("/v1/models/reload", {})
    assert fresh.recommended({"k": 1}) == [13]


def test_every_kind_of_damage_is_refused(fresh, bundle):
    """Each file cut, changed, missing or added."""
    for number, path in enumerate(sorted((bundle / "1").rglob("*")), 2):
        if not path.is_file():
            continue
        for kind in ("cut", "changed", "missing", "added"):
            target = bundle / str(number)
            shutil.copytree(bundle / "1", target)
            file = target / path.relative_to(bundle / "1")
            content = file.read_bytes()
            if kind == "cut":
                file.write_bytes(content[: len(content) // 2])
            elif kind == "changed":
                middle = len(content) // 2
                flipped = bytes([content[middle] ^ 1])
                file.write_bytes(content[:middle] + flipped + content[middle + 1 :])
            elif kind == "missing":
                file.unlink()
            else:
                file.with_name(file.name + ".more").write_bytes(b"more")
            with pytest.raises(BundleError):
                fresh.service.models.load(str(number))
            shutil.rmtree(target)
    assert fresh.service.models.served.version == "1"


def test_watching_finds_a_new_version_and_spares_a_bad_one(fresh, bundle):
    models = fresh.service.models
    assert models.look() is None
    shutil.copytree(bundle / "1", bundle / "2")
    damage(bundle / "2")
    with pytest.raises(BundleError):
        models.look()
    assert models.look() is None  # once is enough
    popular(other_log()).save(bundle / "3")
    assert models.look().version == "3"
    assert models.look() is None
    models.load("1")
    assert models.look() is None  # somebody wants that one
    shutil.copytree(bundle / "3", bundle / "10")
    assert models.look().version == "10"


def test_a_version_can_be_written_over(fresh, bundle):
    popular(other_log()).save(bundle / "1")
    assert fresh.service.models.look().version == "1"
    assert fresh.recommended({"k": 1}) == [13]


def test_watching_runs_by_itself(bundle):
    with Server(Settings(bundle, watch=0.01)) as server:
        popular(other_log()).save(bundle / "2")
        patience = time.monotonic() + 20
        while server.service.models.served.version != "2":
            assert time.monotonic() < patience
            server.get("/health/live")


def test_it_is_not_ready_before_there_is_a_version(bundle, tmp_path):
    failures = []
    settings = Settings(tmp_path / "nothing", state=tmp_path / "state.db")
    with Server(settings, wait=False, on_failure=failures.append) as server:
        assert server.get("/health/live").status_code == 200
        found = server.get("/health/ready")
        assert found.status_code == 503
        assert found.headers["retry-after"] == "1"
        assert server.post("/v1/recommend", {"user": 1}).status_code == 503
        while not failures:
            server.get("/health/live")
    assert isinstance(failures[0], BundleError)


def test_a_misspelt_bundle_leaves_nothing_behind(tmp_path):
    with pytest.raises(BundleError, match="there is no such folder"):
        create_app(Settings(tmp_path / "misspelt"))
    assert list(tmp_path.iterdir()) == []


def test_a_version_whose_ranker_fails_is_not_served(fresh, bundle, monkeypatch):
    original = Engine.__init__

    def broken(self, recommender, version):
        recommender.ranker = _broken
        original(self, recommender, version)

    monkeypatch.setattr(Engine, "__init__", broken)
    found = fresh.post("/v1/models/reload", {})
    assert found.status_code == 409
    assert "ranker that fails" in found.json()["detail"]


def _broken(queries, ranked):
    raise ZeroDivisionError("broken")


def test_a_ranker_that_fails_later_degrades_to_the_order_of_retrieval(fresh):
    def reverse(queries, ranked):
        return ranked.rescored(-ranked.scores)

    def nan(queries, ranked):
        return ranked.rescored(ranked.scores * float("nan"))

    engine = fresh.service.engine
    for ranker, expected, degraded in (
        (reverse, [13, 14], False),
        (_broken, [12, 13], True),
        (nan, [12, 13], True),
    ):
        engine.recommender.ranker = ranker
        found = fresh.post("/v1/recommend", {"user": 1, "k": 2}).json()
        assert found["degraded"] is degraded
        assert [entry["item"] for entry in found["items"]] == expected
        why = fresh.post("/v1/recommend", {"user": 1, "k": 1, "explain": True}).json()
        assert (why["items"][0]["why"]["ranking"] is None) is degraded


def test_an_error_nobody_foresaw_is_a_problem_without_its_inside(fresh):
    class Broken:
        def __call__(self, queries, k):
            raise ZeroDivisionError("the inside")

    fresh.service.engine.recommender.retriever = Broken()
    found = fresh.post("/v1/recommend", {"user": 1})
    assert found.status_code == 500
    assert found.headers["content-type"] == "application/problem+json"
    assert "inside" not in found.text


def test_answers_of_one_request_are_of_one_version(fresh, bundle):
    popular(other_log()).save(bundle / "2")
    queries = {"queries": [{"k": 1}] * 10}
    fresh.post_all("/v1/recommend/batch", [queries] * 3)
    found = fresh.post_all("/v1/recommend/batch", [queries] * 10)
    fresh.post("/v1/models/reload", {})
    found += fresh.post_all("/v1/recommend/batch", [queries] * 10)
    for one in found:
        answers = {(a["model"], a["items"][0]["item"]) for a in one.json()["answers"]}
        assert answers in ({("1", 10)}, {("2", 13)})


def test_an_overloaded_server_refuses_before_it_reads(bundle):
    with Server(Settings(bundle, max_queue=1)) as server:
        server.service.queries._units = 1
        found = server.post("/v1/recommend", {"user": 1})
        assert found.status_code == 503
        assert int(found.headers["retry-after"]) >= 1
        assert found.json()["type"] == "urn:shortlist:problem:overloaded"
        server.service.queries._units = 0
        assert server.recommended({"user": 1, "k": 1}) == [12]


def test_more_queries_than_can_ever_wait_are_too_many(bundle):
    with Server(Settings(bundle, max_queue=2)) as server:
        found = server.post("/v1/recommend/batch", {"queries": [{}] * 3})
        assert found.status_code == 413


def test_it_says_that_it_ends(fresh):
    fresh.service.drain()
    assert fresh.get("/health/ready").status_code == 503
    assert fresh.recommended({"user": 1, "k": 1}) == [12]
    fresh.service.ending = False


def test_ending_refuses_what_comes_late(bundle):
    with Server(Settings(bundle)) as server:
        service = server.service
    with pytest.raises(ProblemError, match="ending"):
        _submit(service)


def _submit(service):
    import asyncio

    return asyncio.run(service.queries.submit([], seconds=1))

from __future__ import annotations

import itertools
import json
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import polars as pl
import pytest

from shortlist.errors import BundleError, ConfigError, DataError, SchemaError, WorkerError
from shortlist.index import Qdrant, open_index
from shortlist.index.where import passing
from shortlist.testing import IndexTests

pytest.importorskip("qdrant_client")


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch):
    monkeypatch.setenv("QDRANT_URL", ":memory:")


@pytest.mark.slow
class TestQdrant(IndexTests):
    """Held to by the search that Qdrant's client has in itself."""

    rows = 160

    @pytest.fixture(autouse=True)
    def _names(self):
        self.names = (f"items-{number}" for number in itertools.count())

    def make(self):
        # Tests that have two of an engine are not of one collection.
        return Qdrant(collection=next(self.names))


CONDITIONS = [
    "year >= 1990",
    "not year >= 1990",
    "1985 <= year < 2000",
    "not 1985 <= year < 2000",
    "year != 1990",
    "year == 1990.0",
    "year in [1990, 1994]",
    "year not in [1990, 1994]",
    "year in []",
    "year not in []",
    "price == 1.5 or price < -1",
    "not (price == 1.5 or sold)",
    "sold",
    "not sold",
    "sold == False",
    "sold != True",
    'genre in ["a", "b"] and not sold',
    'genre != "a"',
    '"x" in tags',
    '"x" not in tags',
    'not ("x" in tags and year > 1980)',
    "3 in codes or 0.5 in shares",
    "year == 1180591620717411303424",
]


def attributes(rows=60):
    draw = np.random.default_rng(0)

    def missing(values):
        return [None if draw.random() < 0.2 else value for value in values]

    return pl.DataFrame(
        {
            "year": missing(draw.integers(1980, 2000, rows).tolist()),
            "price": missing((draw.integers(-4, 5, rows) / 2).tolist()),
            "sold": missing((draw.random(rows) < 0.5).tolist()),
            "genre": missing(draw.choice(["a", "b", "c"], rows).tolist()),
            "tags": missing([["x", "y"][: int(n)] for n in draw.integers(0, 3, rows)]),
            "codes": missing([[1, 2, 3][: int(n)] for n in draw.integers(0, 4, rows)]),
            "shares": missing([[0.25, 0.5][: int(n)] for n in draw.integers(0, 3, rows)]),
            "odd name.": missing(["z"] * rows),
        }
    )


@pytest.fixture(scope="module")
def filtered():
    table = attributes()
    index = Qdrant(":memory:", collection="filtered")
    return index.build(np.eye(60), np.arange(60), attributes=table), table


@pytest.mark.parametrize("where", CONDITIONS)
def test_conditions_are_answered_as_polars_answers_them(filtered, where):
    index, table = filtered
    expected = np.flatnonzero(passing(where, table).to_numpy())
    found = index.search(np.ones((1, 60)), 60, where=where).lists()[0]
    assert sorted(found) == expected.tolist()


@pytest.mark.parametrize(
    "where", ["year < price", 'genre < "b"', "year >= 9007199254740992", "None in tags"]
)
def test_what_qdrant_cannot_compare_is_said_with_what_to_do(filtered, where):
    with pytest.raises(ConfigError, match="pass the ids as `allow`"):
        filtered[0].search(np.ones((1, 60)), 5, where=where)


def test_ids_of_all_integers_and_texts_find_their_way_back():
    ids = [-(2**63), -1, 0, 2**63 - 1]
    index = Qdrant(collection="far").build(np.eye(4), ids)
    assert index.search(np.eye(4), 1).lists() == [[i] for i in ids]
    assert index.known([-1, 1, 2**63, "0"]).tolist() == [True, False, False, False]
    with pytest.raises(DataError, match="'a'"):
        index.upsert(np.eye(4)[:1], ["a"])


def test_building_anew_leaves_one_collection_and_others_alone():
    index = Qdrant(collection="again")
    for rows in (3, 2):
        index.build(np.eye(rows), np.arange(rows))
    client = index._server.client
    names = [c.name for c in client.get_collections().collections]
    assert len([name for name in names if name.startswith("again")]) == 1
    client.delete_collection(next(name for name in names if name.startswith("again")))
    from qdrant_client import models

    vectors = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection("taken", vectors_config=vectors)
    with pytest.raises(ConfigError, match="collection 'taken' that no index of this library"):
        Qdrant(collection="taken").build(np.eye(2), [1, 2])


def test_what_is_saved_is_where_the_items_are(tmp_path):
    index = Qdrant(collection="kept", ef=50).build(np.eye(2), ["a", "b"])
    index.save(tmp_path / "index")
    again = open_index(tmp_path / "index")
    assert isinstance(again, Qdrant)
    assert (again.collection, again.ef, again.known(["b"]).tolist()) == ("kept", 50, [True])
    names = [c.name for c in index._server.client.get_collections().collections]
    index._server.client.delete_collection(next(n for n in names if n.startswith("kept")))
    with pytest.raises(BundleError, match=r"collection 'kept'.*Set QDRANT_URL"):
        Qdrant.load(tmp_path / "index")


def test_arguments_are_checked(monkeypatch):
    with pytest.raises(ConfigError, match="ef from 1 to"):
        Qdrant(ef=0)
    with pytest.raises(ConfigError, match="letters, digits"):
        Qdrant(collection="a/b")
    with pytest.raises(ConfigError, match="http://localhost:6333"):
        Qdrant("http://localhost:none")
    monkeypatch.delenv("QDRANT_URL")
    with pytest.raises(ConfigError, match="set QDRANT_URL"):
        Qdrant()


def test_attributes_that_qdrant_cannot_hold_are_refused():
    index = Qdrant(collection="refused")
    with pytest.raises(SchemaError, match="'x' is of the kind Date, which Qdrant cannot hold"):
        index.build(np.eye(1), [1], attributes={"x": [date(2020, 1, 1)]})
    with pytest.raises(DataError, match="'x' holds nan"):
        index.build(np.eye(1), [1], attributes={"x": [float("nan")]})
    assert len(index) == 0


def test_a_server_that_does_not_answer_is_named():
    index = Qdrant("http://127.0.0.1:9")
    with pytest.raises(WorkerError, match=r"http://127\.0\.0\.1:9 did not do what was asked"):
        index.build(np.eye(2), [1, 2])


class _Handler(BaseHTTPRequestHandler):
    """The routes of Qdrant's REST interface that the index uses, answered by the client's search.

    It holds what is sent over the wire to the interface's own models, and nothing more.
    """

    def log_message(self, *told):
        pass

    def _answer(self):
        from qdrant_client import models

        client, asked = self.server.client, self.server.asked
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or "{}")
        path = self.path.split("?")[0].strip("/").split("/")
        name, rest = [*path, ""][1], "/".join(path[2:])
        asked.append((self.command, rest or path[0], body))
        match (self.command, path[0], rest):
            case ("GET", "collections", "") if not name:
                found = client.get_collections()
            case ("GET", "aliases", _):
                found = client.get_aliases()
            case ("POST", "collections", "") if name == "aliases":
                found = client.update_collection_aliases(
                    models.ChangeAliasesOperation.model_validate(body).actions
                )
            case ("PUT", _, ""):
                made = models.CreateCollection.model_validate(body)
                found = client.create_collection(name, vectors_config=made.vectors)
            case ("DELETE", _, ""):
                found = client.delete_collection(name)
            case ("PUT", _, "index"):
                models.CreateFieldIndex.model_validate(body)
                found = {"operation_id": 0, "status": "completed"}
            case ("PUT", _, "points"):
                found = client.upsert(name, models.PointsBatch.model_validate(body).batch)
            case ("POST", _, "points/delete"):
                found = client.delete(name, models.PointIdsList.model_validate(body))
            case ("POST", _, "points/count"):
                found = client.count(name)
            case ("POST", _, "points"):
                one = models.PointRequest.model_validate(body)
                found = client.retrieve(
                    name, one.ids, with_payload=one.with_payload, with_vectors=one.with_vector
                )
            case ("POST", _, "points/query/batch"):
                searches = models.QueryRequestBatch.model_validate(body).searches
                for search in searches:
                    search.params = None
                found = client.query_batch_points(name, searches)
        parts = found if isinstance(found, list) else [found]
        plain = [one.model_dump() if hasattr(one, "model_dump") else one for one in parts]
        told = {"result": plain if isinstance(found, list) else plain[0], "status": "ok", "time": 0}
        answer = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


for _command in ("GET", "PUT", "POST", "DELETE"):
    setattr(_Handler, f"do_{_command}", _Handler._answer)


@pytest.fixture
def over_the_wire():
    from qdrant_client import QdrantClient

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.client, server.asked = QdrantClient(":memory:"), []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", server.asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_sent_is_what_the_interface_takes(over_the_wire):
    url, asked = over_the_wire
    table, ids = attributes(), np.arange(60) - 30
    index = Qdrant(url, collection="wired", ef=99).build(np.eye(60), ids, attributes=table)
    indexed = [body for command, what, body in asked if (command, what) == ("PUT", "index")]
    assert {"field_name": "attributes.tags", "field_schema": "keyword"} in indexed
    assert len(indexed) == table.width - 1
    expected = ids[passing(CONDITIONS[0], table).to_numpy()]
    ones = np.ones((2, 60))
    found = index.search(ones, 60, where=CONDITIONS[0], deny=[[expected[0]], []]).lists()
    assert [sorted(row) for row in found] == [expected[1:].tolist(), expected.tolist()]
    assert sorted(index.search(ones[:1], 60, allow=[[-30, 5]]).lists()[0]) == [-30, 5]
    assert [body for *_, body in asked][-1]["searches"][0]["params"] == {"exact": True}
    index.upsert(7 * np.eye(60)[:1], [-1])
    index.remove([-30])
    np.testing.assert_array_equal(index.vectors([-1]), 7 * np.eye(60)[:1])
    assert (len(index), index.known([-30, -1]).tolist()) == (59, [False, True])
    graph = Qdrant(url, collection="wired-graph", graph=True, ef=99).build(np.eye(3), [1, 2, 3])
    assert graph.search(np.eye(3), 2).lists()[0][0] == 1
    assert graph.search(np.eye(3), 5).valid.sum() == 9  # the rest was asked for exactly
    params = [search["params"] for *_, body in asked for search in body.get("searches", ())]
    assert {"hnsw_ef": 99, "exact": False} in params
    made = [body for command, what, body in asked if (command, what) == ("PUT", "collections")]
    assert [body["hnsw_config"]["m"] for body in made] == [0, 16]

import json

import pytest


def answers(server, *bodies, path="/v1/recommend"):
    """The answers to ``bodies``, as JSON."""
    found = [server.post(path, body) for body in bodies]
    return [(one.status_code, one.json()) for one in found]


def items(answer):
    status, found = answer
    assert status == 200, found
    return [entry["item"] for entry in found["items"]]


def test_users_sessions_and_strangers(server):
    known, session, stranger, nobody = answers(
        server, {"user": 1, "k": 3}, {"history": [12], "k": 2}, {"user": 99, "k": 2}, {}
    )
    assert items(known) == [12, 13, 14]
    assert items(session) == [10, 11]
    assert (known[1]["fallback"], session[1]["fallback"]) == (False, False)
    assert items(stranger) == [10, 11]
    assert stranger[1]["fallback"]
    assert len(items(nobody)) == 5
    assert known[1]["model"] == "1"
    assert known[1]["items"][0]["title"] == "Gamma"
    assert known[1]["items"][1]["title"] == "13"
    assert not known[1]["degraded"]
    assert len({one[1]["request"] for one in (known, session, stranger, nobody)}) == 4


def test_seen_items_come_back_only_when_asked_for(server):
    hidden, excluded = answers(server, {"user": 2}, {"user": 3, "exclude": [10]})
    assert items(hidden) == [13, 14]
    assert items(excluded) == [11, 14]


def test_a_batch_is_answered_in_its_order(server):
    [(status, found)] = answers(
        server,
        {"queries": [{"user": 2}, {"user": 1, "k": 1}, {"history": [13], "k": 1}]},
        path="/v1/recommend/batch",
    )
    assert status == 200
    lists = [[entry["item"] for entry in one["items"]] for one in found["answers"]]
    assert lists == [[13, 14], [12], [10]]


def test_rules_of_a_request(server):
    rules = [
        {"rule": "pin", "item": 14, "place": 1},
        {"rule": "cap", "column": "kind", "at_most": 1},
    ]
    pinned, contradiction, unknown = answers(
        server,
        {"user": 99, "k": 2, "rules": rules},
        {"user": 99, "rules": [rules[0], {"rule": "pin", "item": 13, "place": 1}]},
        {"user": 99, "rules": [{"rule": "cap", "column": "colour", "at_most": 1}]},
    )
    assert items(pinned) == [14, 10]
    assert contradiction[0] == 422
    assert "Expected pins of different items and places" in contradiction[1]["detail"]
    assert unknown[0] == 422
    assert "colour" in unknown[1]["detail"]


def test_one_wrong_query_does_not_harm_those_beside_it(server):
    wrong = {"user": 99, "rules": [{"rule": "cap", "column": "colour", "at_most": 1}]}
    found = server.post_all("/v1/recommend", [{"user": 1}, wrong, {"user": 2}, wrong])
    assert [one.status_code for one in found] == [200, 422, 200, 422]


def test_an_explanation_says_what_each_stage_did(server):
    [(status, found)] = answers(server, {"user": 4, "k": 3, "explain": True})
    assert status == 200
    by_item = {entry["item"]: entry["why"] for entry in found["items"]}
    assert by_item[11]["retrieval"] == {"place": 1, "score": 2.0}
    assert by_item[11]["ranking"] is None
    assert by_item[11]["reasons"] == []
    [(_, capped)] = answers(server, {"user": 99, "k": 3, "explain": True})
    reasons = [reason for entry in capped["items"] for reason in entry["why"]["reasons"]]
    assert any(reason.startswith("attribute_cap: from place 4 to place 3") for reason in reasons)


def test_diversity_needs_vectors_and_says_so(server):
    [(status, found)] = answers(server, {"user": 1, "diversity": 0.5})
    assert status == 422
    assert "needs item vectors" in found["detail"]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"k": 0}, "body.k", "greater than or equal to 1"),
        ({"k": 10**9}, "body.k", "less than or equal to 1000"),
        ({"k": 10**40}, "body.k", "less than or equal to 1000"),
        ({"k": "10"}, "body.k", "integer"),
        ({"k": 2.5}, "body.k", "integer"),
        ({"k": True}, "body.k", "integer"),
        ({"kk": 1}, "body.kk", "no such field"),
        ({"history": [0] * 1001}, "body.history", "at most 1000"),
        ({"history": [None]}, "body.history.0", "integer"),
        ({"user": ""}, "body.user", "at least 1 character"),
        ({"user": "x" * 300}, "body.user", "at most 256 characters"),
        ({"user": 2**63}, "body.user", "less than or equal to"),
        ({"user": "a\0b"}, "body.user", "without the character U+0000"),
        ({"user": [1]}, "body.user", "integer"),
        ({"diversity": 1.5}, "body.diversity", "less than or equal to 1"),
        ({"rules": [{"rule": "no"}]}, "body.rules.0", "expected tags"),
        ({"rules": [{"rule": "pin", "item": 1, "place": 1}] * 6}, "body.rules", "at most 5"),
        ({"features": {"a": {"deep": 1}}}, "body.features", ""),
        ([], "body", "dictionary"),
        ("text", "body", "dictionary"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(server, body, field, said):
    [(status, problem)] = answers(server, body)
    assert status == 422
    assert problem["type"] == "urn:shortlist:problem:invalid-request"
    assert problem["status"] == 422
    first = problem["errors"][0]
    assert first["field"].startswith(field)
    expected = " ".join(entry["expected"] for entry in problem["errors"])
    assert said in expected
    assert first["received"]


def test_ids_of_another_kind_are_refused(server):
    user, item = answers(server, {"user": "1"}, {"history": ["10"]})
    for (status, problem), word in ((user, "user"), (item, "item")):
        assert status == 422
        assert f"Expected {word} ids like" in problem["detail"]


HOSTILE = {
    "nothing": b"",
    "no json": b"{",
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep in a field": b'{"history":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "broken UTF-8": b'{"user": "\xff\xfe"}',
    "half a surrogate": b'{"user": "\\ud800"}',
    "half a surrogate in a key": b'{"\\ud800": 1}',
    "a null": b"null",
    "NaN": b'{"diversity": NaN}',
    "infinity": b'{"diversity": 1e999}',
    "a long number": b'{"user": ' + b"9" * 5000 + b"}",
    "a long exponent": b'{"k": 1e400}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_problems(server, name):
    headers = {"Content-Type": "application/json"}
    body = HOSTILE[name][:40_000]
    found = server.request("POST", "/v1/recommend", content=body, headers=headers)
    assert found.status_code in (400, 422), found.text
    assert found.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in found.text
    assert json.loads(found.text)["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_has_to_be_declared_as_json(server, kind):
    # A page of elsewhere can send the others without asking, and JSON not.
    headers = {} if kind is None else {"Content-Type": kind}
    found = server.request("POST", "/v1/recommend", content=b'{"k": 1}', headers=headers)
    assert found.status_code == 415
    assert "application/json" in found.json()["detail"]


def test_odd_unicode_is_only_a_name(server):
    texts = ["\u202eabc", "e\u0301", "🎬" * 50, "'; DROP TABLE x; --", "../../etc/passwd", " "]
    found = answers(server, *({"features": {text: text}} for text in texts))
    for status, problem in found:
        assert status == 422
        assert "features expected a retriever that reads them" in problem["detail"]


def test_a_body_that_is_too_large_is_not_read(server):
    async def parts():
        for _ in range(100):
            yield b" " * 1000

    for content in (b" " * 60_000, parts()):
        headers = {"Content-Type": "application/json"}
        found = server.request("POST", "/v1/recommend", content=content, headers=headers)
        assert found.status_code == 413
        assert "at most 50000 bytes" in found.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/../../etc/passwd", 404),
        ("GET", "/v1/recommend", 405),
        ("POST", "/health/ready", 405),
        ("GET", "/v1/items/%2e%2e%2f%2e%2e%2fetc", 422),
        ("GET", "/v1/items/99999999999999999999999", 422),
        ("GET", "/v1/items/007", 422),
        ("GET", "/v1/items/77", 404),
        ("GET", "/v1/users/abc", 422),
        ("GET", "/v1/users/%00", 422),
        ("GET", "/v1/users/" + "9" * 5000, 422),
        ("GET", "/docs", 404),
    ],
)
def test_paths_that_lead_nowhere(server, method, path, status):
    found = server.request(method, path)
    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["status"] == status


def test_the_description_of_the_api_has_examples(server):
    found = server.get("/openapi.json").json()
    assert "/v1/recommend" in found["paths"]
    schemas = found["components"]["schemas"]
    for name in ("Query", "Recommendations", "EventsIn", "ImpressionsIn", "SimilarQuery"):
        assert schemas[name]["examples"], name
    answers = found["paths"]["/v1/recommend"]["post"]["responses"]
    assert set(answers) == {"200", "400", "401", "403", "408", "413", "415", "422", "503"}
    assert list(answers["503"]["content"]) == ["application/problem+json"]

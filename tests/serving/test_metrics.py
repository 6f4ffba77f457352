from prometheus_client.parser import text_string_to_metric_families
from tests.serving.serverside import Server

from shortlist.serving import Settings


def test_what_prometheus_is_told(made, tmp_path):
    with Server(Settings(made, state=tmp_path / "state.db")) as server:
        server.recommended({"user": 1})
        server.recommended({"user": 99})
        server.post("/v1/recommend", {"k": 0})
        server.get("/v1/users/1")
        server.get("/v1/users/2")
        server.get("/somewhere/else")
        server.post("/v1/events", {"events": [{"user": 1, "item": 12, "key": "k"}] * 2})
        text = server.get("/metrics").text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, *sorted(sample.labels.values())] = sample.value
    assert found["shortlist_requests_total", "/v1/recommend", "200"] == 2
    assert found["shortlist_requests_total", "/v1/recommend", "422"] == 1
    # By route and not by path, of which there is no end.
    assert found["shortlist_requests_total", "/v1/users/{user:path}", "200"] == 2
    assert found["shortlist_requests_total", "404", "none"] == 1
    assert found["shortlist_request_seconds_count", "/v1/recommend"] == 3
    assert found["shortlist_answers_total", "personal"] == 1
    assert found["shortlist_answers_total", "fallback"] == 1
    assert found["shortlist_changes_total", "stored"] == 1
    assert found["shortlist_changes_total", "duplicate"] == 1
    assert found["shortlist_reloads_total", "loaded"] == 1
    assert found["shortlist_batch_size_count", "queries"] == 2
    assert found["shortlist_waiting_queries",] == 0
    assert found["shortlist_ready",] == 1
    assert found["shortlist_items",] == 5
    assert "process_resident_memory_bytes" in text

"""Whatever the description of the API allows, and much that it does not: never an error of ours."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from tests.serving.serverside import Server

from shortlist.serving import Settings

pytestmark = pytest.mark.slow

schemathesis = pytest.importorskip("schemathesis")


@pytest.fixture(scope="module")
def started(made, tmp_path_factory):
    state = tmp_path_factory.mktemp("state") / "state.db"
    with Server(Settings(made, state=state)) as server:
        yield server


def test_no_request_is_answered_with_an_error_of_ours(started):
    schema = schemathesis.openapi.from_dict(started.get("/openapi.json").json())
    operations = [one.ok() for one in schema.get_all_operations()]
    assert len(operations) > 15
    met = set()
    for operation in operations:
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @settings(
                max_examples=15,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                database=None,
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case):
                met.add(send(started, case))

            # Nothing is wrong about a request for which nothing can be said.
            with contextlib.suppress(Unsatisfiable):
                check()
    assert {200, 404, 422} <= met


def send(server, case):
    """The status of the answer to a case."""
    told = case.as_transport_kwargs(base_url="http://localhost")
    known = ("method", "url", "params", "headers", "json", "data")
    told = {name: value for name, value in told.items() if name in known}
    found = server.run(server._http.request(content=told.pop("data", None), **told))
    assert found.status_code < 500, (told, found.text)
    if found.status_code >= 400:
        assert found.headers["content-type"] == "application/problem+json"
        assert found.json()["detail"]
    return found.status_code

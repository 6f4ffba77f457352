import pytest
from tests.serving.serverside import Server

from shortlist.errors import ConfigError
from shortlist.serving import Settings
from shortlist.serving.problems import ProblemError
from shortlist.serving.security import Gate

API, ADMIN = "an api key of some length", "an admin key of some length"


def refused(gate, headers=(), path="/v1/recommend", *, admin=False):
    """The status with which a request is refused; None where it is not."""
    sent = {name.encode(): value.encode("latin-1") for name, value in dict(headers).items()}
    try:
        gate.check(path, sent, admin=admin)
    except ProblemError as problem:
        return problem.status_code
    return None


@pytest.mark.parametrize(
    ("keys", "given", "usual", "admin"),
    [
        ({}, None, None, None),
        ({"api_key": API}, None, 401, 403),
        ({"api_key": API}, API, None, 403),
        ({"api_key": API}, "another key altogether", 401, 403),
        ({"api_key": API, "admin_key": ADMIN}, None, 401, 401),
        ({"api_key": API, "admin_key": ADMIN}, API, None, 403),
        ({"api_key": API, "admin_key": ADMIN}, ADMIN, None, None),
        ({"admin_key": ADMIN}, None, None, 401),
        ({"admin_key": ADMIN}, ADMIN, None, None),
    ],
)
def test_who_may_do_what(tmp_path, keys, given, usual, admin):
    gate = Gate(Settings(tmp_path, **keys))
    for headers in ({"authorization": f"Bearer {given}"}, {"x-api-key": given or ""}):
        sent = {} if given is None else headers
        assert refused(gate, sent) == usual
        assert refused(gate, sent, admin=True) == admin
        assert refused(gate, sent, "/health/live") is None


@pytest.mark.parametrize("key", ["Bearer ", "bearer é", "Basic YTpi", "Bearer", "", "Bearer \xff"])
def test_odd_keys_are_wrong_keys(tmp_path, key):
    assert refused(Gate(Settings(tmp_path, api_key=API)), {"authorization": key}) == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8000"}, None),
        ({"host": "[::1]:8000"}, None),
        ({"host": "localhost"}, None),
        ({"host": "localhost", "origin": "http://localhost:3000"}, None),
        ({"host": "rebound.example:8000"}, 403),
        ({"host": "[broken"}, 403),
        ({"host": "localhost", "origin": "https://elsewhere.example"}, 403),
        ({"host": "localhost", "origin": "null"}, 403),
    ],
)
def test_without_keys_no_page_from_elsewhere_is_answered(tmp_path, headers, status):
    assert refused(Gate(Settings(tmp_path)), headers) == status


def test_another_address_needs_a_key(tmp_path):
    with pytest.raises(ConfigError, match="Set SHORTLIST_API_KEY"):
        Settings(tmp_path, host="0.0.0.0")  # noqa: S104
    with pytest.raises(ConfigError, match="Set SHORTLIST_API_KEY"):
        Settings(tmp_path, host="somewhere.example", admin_key=ADMIN)
    Settings(tmp_path, host="0.0.0.0", api_key=API)  # noqa: S104


def test_keys_are_long_and_not_the_same(tmp_path):
    with pytest.raises(ConfigError, match="at least 16 printable") as error:
        Settings(tmp_path, api_key="secret")
    assert "'secret'" not in str(error.value)
    with pytest.raises(ConfigError, match="another key than api_key"):
        Settings(tmp_path, api_key=API, admin_key=API)


def test_keys_over_http(made, tmp_path):
    settings = Settings(made, state=tmp_path / "s.db", api_key=API, admin_key=ADMIN)
    key, admin = ({"Authorization": f"Bearer {one}"} for one in (API, ADMIN))
    with Server(settings, wait=True) as server:
        found = server.post("/v1/recommend", {"user": 1})
        assert found.status_code == 401
        assert found.headers["www-authenticate"].startswith("Bearer")
        assert server.post("/v1/recommend", {"user": 1}, headers=key).status_code == 200
        assert server.get("/metrics").status_code == 401
        assert server.get("/metrics", headers=key).status_code == 200
        assert server.delete("/v1/items/10", headers=key).status_code == 403
        assert server.post("/v1/models/reload", {}, headers=key).status_code == 403
        assert server.post("/v1/models/reload", {}, headers=admin).status_code == 200
        assert server.get("/health/live").status_code == 200

from __future__ import annotations

import functools
import http.server
import threading

import pytest

from shortlist.datasets import movielens


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SHORTLIST_CACHE", str(folder))
    return folder


@pytest.fixture
def served(tmp_path):
    """A folder, and the address a server on this machine serves it at."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def unreachable():
    """An address on this machine where nobody listens."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        port = server.server_port
    return f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="session")
def movielens_100k():
    """The real MovieLens-100K, fetched into the ordinary cache when it is not there yet."""
    return movielens("100k")

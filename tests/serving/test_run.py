"""The server as a process: what only a real one can show."""

import itertools
import json
import random
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.serving.conftest import popular
from tests.serving.processes import Process

from shortlist.serving import Client, ServerError, StateStore

FRAMEWORKS = ("jax", "keras", "tensorflow", "torch")


def test_it_answers_without_a_framework_and_ends_when_asked(bundle):
    with Process(bundle) as server:
        server.ready()
        with Client(server.url) as client:
            found = client.recommend(user=1, k=3)
            assert [item.item for item in found.items] == [12, 13, 14]
        maps = Path(f"/proc/{server.pid}/maps")
        loaded = maps.read_text() if maps.exists() else ""
        assert not [name for name in FRAMEWORKS if f"/{name}/" in loaded]
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert "Ended." in server.said[-1]
    assert not any("Traceback" in line for line in server.said)


@pytest.mark.slow
def test_a_damaged_bundle_is_not_served(bundle):
    path = next((bundle / "1").rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with Process(bundle) as server:
        assert server.wait() == 5
    assert "damaged" in "".join(server.said)
    assert not any("Traceback" in line for line in server.said)


@pytest.mark.slow
def test_another_address_needs_a_key(bundle):
    with Process(bundle, "--host", "0.0.0.0") as server:  # noqa: S104
        assert server.wait() == 2
    assert "SHORTLIST_API_KEY" in "".join(server.said)


@pytest.mark.slow
def test_sigterm_finishes_the_requests_that_run(bundle):
    with Process(bundle, "--deadline", "30") as server:
        server.ready()
        body = json.dumps({"user": 1, "k": 3}).encode()
        head = (
            b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(head + body[:5])
            time.sleep(0.3)  # until it has begun to read
            server.signal(signal.SIGTERM)
            patience = time.monotonic() + 20
            while server.answers():
                assert time.monotonic() < patience
            connection.sendall(body[5:])
            answer = b""
            while part := connection.recv(65536):
                answer += part
        assert server.wait() == 0
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"item": 12' in answer


@pytest.mark.slow
def test_kill_9_loses_no_acknowledged_event(bundle, tmp_path):
    """At random moments, while several clients write without a pause."""
    state, draw = tmp_path / "state.db", random.Random(7)
    acknowledged: list[str] = []

    def write(url, name, killed):
        with Client(url, retries=0, timeout=30) as client:
            for n in itertools.count():
                key = f"{name}-{n}"
                try:
                    client.send_events([{"user": 1, "item": 10, "key": key}])
                except ServerError:
                    assert killed.is_set()
                    return
                acknowledged.append(key)

    for life in range(4):
        with Process(bundle, "--state", str(state)) as server:
            server.ready()
            killed, enough = threading.Event(), len(acknowledged) + draw.randint(10, 80)
            with ThreadPoolExecutor(4) as pool:
                jobs = [
                    pool.submit(write, server.url, f"{life}-{name}", killed) for name in range(4)
                ]
                while len(acknowledged) < enough:
                    time.sleep(draw.uniform(0, 0.003))
                killed.set()
                server.signal(signal.SIGKILL)
                server.wait()
                for job in jobs:
                    job.result()
    store = StateStore.open(state)
    kept = [event.key for _, event in store.events()]
    store.close()
    assert len(kept) == len(set(kept))
    assert set(acknowledged) <= set(kept)


@pytest.mark.slow
def test_no_request_fails_while_versions_change(bundle):
    for number in range(2, 5):
        popular().save(bundle / str(number))
    with Process(bundle, "--deadline", "30") as server:
        server.ready()
        stop, models, failures = threading.Event(), set(), []

        def ask():
            with Client(server.url, retries=0, timeout=30) as client:
                while not stop.is_set():
                    try:
                        models.add(client.recommend(user=1, k=3).model)
                    except ServerError as error:
                        failures.append(str(error))

        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(ask) for _ in range(4)]
            with Client(server.url, retries=0, timeout=60) as client:
                for swap in range(20):
                    client.reload(str(1 + swap % 4))
            stop.set()
            for job in jobs:
                job.result()
    assert failures == []
    assert models == {"1", "2", "3", "4"}


@pytest.mark.slow
def test_slow_clients_do_not_keep_others_waiting(bundle):
    with Process(bundle, "--deadline", "30") as server:
        server.ready()
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        head = b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        idle = []
        for n in range(100):
            connection = socket.create_connection(address, timeout=30)
            # Some stop within the head, some within the body.
            connection.sendall(head[: 40 if n % 2 else len(head)] + (b"" if n % 2 else b"\r\n{"))
            idle.append(connection)
        with Client(server.url, timeout=30) as client:
            for _ in range(20):
                assert client.recommend(user=1, k=1).items[0].item == 12
        for connection in idle:
            connection.close()
        found = httpx.get(f"{server.url}/health/ready", timeout=30)
        assert found.status_code == 200

"""Requests a second and latencies of the server, beside the same Keras models in plain FastAPI.

``python -m benchmarks serve [BUNDLE]``: the folder of a bundle's versions, such as
``shortlist quickstart`` leaves; without it one is trained first. The server has one core, the load
comes from another.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from subprocess import PIPE
from typing import Any

import httpx

from benchmarks.comparison import Line
from benchmarks.load import Load
from benchmarks.settings import Settings
from shortlist.serving.state import StateStore

__all__ = ["run"]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
_USERS = 943


def run(settings: Settings) -> Iterator[Line]:
    """Capacity and latency, then what must not happen under swaps, reloads and overload."""
    bundle = settings.data or _trained(settings)
    seconds = 2.0 if settings.quick else 10.0
    bodies = [json.dumps({"user": 1 + n % _USERS, "k": 10}) for n in range(_USERS)]
    server, client = _cores()
    plain = {}
    for how in ("predict", "call"):
        if settings.wants("capacity"):
            with _plain(bundle, how, server) as url:
                load = Load(url, bodies, seconds=seconds, clients=16)
                plain[how] = _measured(load, client)
    with _ours(bundle, server, settings) as ours:
        yield _started(ours)
        capacity = _measured(Load(ours.url, bodies, seconds=seconds), client)
        peer, theirs = _best(plain, capacity)
        yield _line(
            "capacity",
            capacity["rate"],
            peer,
            theirs["rate"],
            "requests a second",
            at_least=400.0,
            details={"statuses": capacity["statuses"], **{h: p["rate"] for h, p in plain.items()}},
        )
        half = _measured(
            Load(ours.url, bodies, rate=capacity["rate"] / 2, clients=256, seconds=seconds), client
        )
        for name, bar in (("p50", 5.0), ("p99", 15.0)):
            yield _line(
                f"{name} at half of capacity", half[name], "bar", bar, "ms", below=bar, details=half
            )
        if settings.wants("faults"):
            yield from _faults(ours, bodies, capacity["rate"], half, client, settings)
    if settings.wants("kill"):
        yield _killed(settings)


def _faults(
    ours: _Server,
    bodies: Sequence[str],
    capacity: float,
    half: dict[str, Any],
    client: int,
    settings: Settings,
) -> Iterator[Line]:
    """Swaps and slow clients under load, overload, and memory over many reloads."""
    swaps = 5 if settings.quick else 50
    load = Load(ours.url, bodies, rate=capacity / 4, clients=256, seconds=swaps * 0.5)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(_measured, load, client)
        done = _reload(ours.url, swaps, pause=0.3)
        found = job.result()
    failed = sum(n for status, n in found["statuses"].items() if status != "200")
    yield _line(
        f"faults: requests that failed during {done} swaps",
        failed,
        "none",
        0.0,
        "requests",
        below=0.0,
        details=found,
    )
    yield _line(
        "faults: p99 during swaps",
        found["p99"],
        "p99 without",
        half["p99"],
        "ms",
        at_most=2.0,
        details=found,
    )
    with _slow_clients(ours.url, 200):
        slow = _measured(
            Load(ours.url, bodies, rate=capacity / 2, clients=256, seconds=5.0), client
        )
    yield _line(
        "faults: p99 with 200 slow clients",
        slow["p99"],
        "p99 without",
        half["p99"],
        "ms",
        details=slow,
    )
    over = _measured(Load(ours.url, bodies, rate=3 * capacity, clients=2048, seconds=5.0), client)
    refused = over["statuses"].get("503", 0)
    strange = sum(n for status, n in over["statuses"].items() if status not in ("200", "503"))
    yield _line(
        "faults: answered a second at 3x",
        over["rate"],
        "capacity",
        capacity,
        "requests a second",
        details={**over, "refused": refused},
    )
    yield _line(
        "faults: neither answered nor refused with 503 at 3x",
        strange,
        "none",
        0.0,
        "requests",
        below=0.0,
        details=over,
    )
    reloads = 10 if settings.quick else 200
    _reload(ours.url, max(5, reloads // 10))
    before = ours.memory()
    _reload(ours.url, reloads)
    after = ours.memory()
    yield _line(
        f"faults: memory after {reloads} reloads", after, "before", before, "MB", at_most=1.1
    )


def _killed(settings: Settings) -> Line:
    """Kill a process that writes events, at random moments; what it acknowledged must be there."""
    kills, draw = 10 if settings.quick else 200, random.Random(7)
    state, worker = settings.folder / "killed.db", Path(__file__).parent / "workers/write_events.py"
    acknowledged: list[str] = []
    for life in range(kills):
        command = [sys.executable, str(worker), str(state), str(life)]
        process = subprocess.Popen(command, stdout=PIPE, text=True)
        stdout = process.stdout
        acknowledged += [stdout.readline() if stdout else "" for _ in range(draw.randint(1, 20))]
        time.sleep(draw.uniform(0, 0.004))
        process.kill()
        # What it said before it died counts as well; a line that was cut off was not said.
        rest = stdout.read() if stdout else ""
        acknowledged += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        process.wait()
    store = StateStore.open(state)
    kept = [event.key for _, event in store.events()]
    store.close()
    keys = {key for line in acknowledged for key in line.split()}
    lost = len(keys - set(kept)) + len(kept) - len(set(kept))
    return _line(
        f"kill -9: events lost or doubled in {kills} kills",
        lost,
        "none",
        0.0,
        "events",
        below=0.0,
        details={"acknowledged": len(keys), "kept": len(kept)},
    )


class _Server:
    """`shortlist serve` on one core."""

    def __init__(self, process: subprocess.Popen[str], url: str, seconds: float) -> None:
        self.process, self.url, self.seconds = process, url, seconds

    def memory(self) -> float:
        """Resident megabytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        return int(found[1]) / 1024 if found else float("nan")


@contextlib.contextmanager
def _ours(bundle: Path, core: int, settings: Settings) -> Iterator[_Server]:
    state = settings.folder / "state.db"
    began = time.perf_counter()
    port = _free_port()
    command = ["-m", "shortlist.cli", "serve", str(bundle), "--port", str(port)]
    with _process([sys.executable, *command, "--state", str(state)], core) as process:
        url = f"http://127.0.0.1:{port}"
        _until_up(f"{url}/health/ready", process)
        yield _Server(process, url, time.perf_counter() - began)


@contextlib.contextmanager
def _plain(bundle: Path, how: str, core: int) -> Iterator[str]:
    worker = Path(__file__).parent / "workers" / "serve_plain.py"
    port = _free_port()
    command = [sys.executable, str(worker), str(bundle), str(port), how]
    with _process(command, core) as process:
        _until_up(f"http://127.0.0.1:{port}/openapi.json", process)
        url = f"http://127.0.0.1:{port}"
        for user in range(1, 6):  # Keras compiles with the first
            httpx.post(f"{url}/v1/recommend", json={"user": user}, timeout=60).raise_for_status()
        yield url


@contextlib.contextmanager
def _process(command: list[str], core: int, **pipes: Any) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1")}
    environment.setdefault("KERAS_BACKEND", "jax")
    # Pinned by the one that starts it, as it inherits that.
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        process = subprocess.Popen(command, env=environment, text=True, **pipes)
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _measured(load: Load, core: int) -> dict[str, Any]:
    """What the load makes of it, from a process of its own on its own core."""
    # The bodies are too long for a command line.
    told = json.dumps({**asdict(load), "bodies": list(load.bodies)})
    with _process(
        [sys.executable, "-m", "benchmarks.load"], core, stdin=PIPE, stdout=PIPE
    ) as process:
        answer, _ = process.communicate(told)
    found: dict[str, Any] = json.loads(answer)
    return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _until_up(url: str, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=30).status_code == 200:
                return
        time.sleep(0.02)
    raise SystemExit(f"The server ended with {process.returncode}; what it said stands above.")


def _reload(url: str, times: int, pause: float = 0.0) -> int:
    for _ in range(times):
        httpx.post(f"{url}/v1/models/reload", json={}, timeout=60).raise_for_status()
        time.sleep(pause)
    return times


@contextlib.contextmanager
def _slow_clients(url: str, count: int) -> Iterator[None]:
    """Connections that send a byte of their body now and then."""
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    head = b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    stop, sockets = threading.Event(), [socket.create_connection(address) for _ in range(count)]

    def drip() -> None:
        for one in sockets:
            one.sendall(head)
        while not stop.wait(0.5):
            for one in sockets:
                with contextlib.suppress(OSError):
                    one.sendall(b" ")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for one in sockets:
            one.close()


def _trained(settings: Settings) -> Path:
    out = settings.folder / "movielens"
    command = [sys.executable, "-m", "shortlist.cli", "quickstart", "--out", str(out), "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return out


def _cores() -> tuple[int, int]:
    """One for the server and one for the load."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def _best(plain: dict[str, Any], ours: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if not plain:
        return "itself", ours
    how = max(plain, key=lambda name: plain[name]["rate"])
    return f"FastAPI + Keras {how}", plain[how]


def _started(ours: _Server) -> Line:
    details = {"ready_seconds": ours.seconds}
    return _line(
        "memory when ready", ours.memory(), "bar", 250.0, "MB", below=250.0, details=details
    )


def _line(case: str, ours: float, peer: str, theirs: float, unit: str, **more: Any) -> Line:
    return Line("serve", case, float(ours), peer, float(theirs), unit, **more)

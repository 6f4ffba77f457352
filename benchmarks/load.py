"""Load on an HTTP server: an open loop, or a closed one to find its capacity.

In an open loop requests come when they come, whether the server keeps up or not, and a request's
latency counts from when it was to be sent. So a server that stalls is charged for everybody who
waits, which a closed loop, in which the clients wait with it, would hide.

    python -m benchmarks.load < load.json    # the fields of `Load`
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Load", "Result", "measure"]


@dataclass(frozen=True)
class Load:
    """What to send.

    Attributes:
        url: of the server.
        bodies: JSON texts, sent in turn.
        path: what is posted to.
        rate: requests a second, at moments drawn at random (Poisson); None for a closed loop.
        clients: connections of a closed loop; the most at once of an open one.
        seconds: how long.
        warmup: seconds before that are not counted.
    """

    url: str
    bodies: Sequence[str]
    path: str = "/v1/recommend"
    rate: float | None = None
    clients: int = 32
    seconds: float = 10.0
    warmup: float = 2.0


@dataclass
class Result:
    """What came back: latencies in milliseconds of what was answered with 200."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def told(self) -> dict[str, Any]:
        """Throughput and percentiles."""
        done = sorted(self.latencies)
        cuts = statistics.quantiles(done, n=1000, method="inclusive") if len(done) > 1 else []
        return {
            "rate": len(done) / self.seconds if self.seconds else 0.0,
            "statuses": dict(self.statuses),
            **{name: cuts[i] if cuts else float("nan") for name, i in _CUTS.items()},
            "max": done[-1] if done else float("nan"),
        }


_CUTS = {"p50": 499, "p90": 899, "p99": 989, "p999": 998}


def measure(load: Load) -> dict[str, Any]:
    """Send it, in this process; what came back."""
    try:
        import uvloop

        return uvloop.run(_measure(load))
    except ImportError:
        return asyncio.run(_measure(load))


async def _measure(load: Load) -> dict[str, Any]:
    result = Result(seconds=load.seconds)
    began = time.perf_counter()
    await (_closed(load, result, began) if load.rate is None else _open(load, result, began))
    return result.told()


async def _closed(load: Load, result: Result, began: float) -> None:
    end = began + load.warmup + load.seconds

    async def client(number: int) -> None:
        connection = _Connection(load)
        while (start := time.perf_counter()) < end:
            status = await connection.post(load.bodies[number % len(load.bodies)])
            number += load.clients
            _note(load, result, began, start, status)
        connection.close()

    await asyncio.gather(*(client(n) for n in range(load.clients)))


async def _open(load: Load, result: Result, began: float) -> None:
    free: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
    for _ in range(load.clients):
        free.put_nowait(_Connection(load))
    draw, due, tasks, number = random.Random(7), began, set(), 0
    end = began + load.warmup + load.seconds

    async def send(start: float, body: str) -> None:
        connection = await free.get()
        status = await connection.post(body)
        free.put_nowait(connection)
        _note(load, result, began, start, status)

    while (due := due + draw.expovariate(load.rate or 1.0)) < end:
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(send(due, load.bodies[number % len(load.bodies)]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    await asyncio.gather(*tasks)


def _note(load: Load, result: Result, began: float, start: float, status: str) -> None:
    if start - began < load.warmup:
        return
    result.statuses[status] += 1
    if status == "200":
        result.latencies.append(1000 * (time.perf_counter() - start))


class _Connection:
    """One connection that is kept; a lost one is opened anew with the next request."""

    def __init__(self, load: Load) -> None:
        parts = urlsplit(load.url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._head = f"POST {load.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: str) -> str:
        """The status, or the name of the error."""
        try:
            if self._streams is not None and self._streams[0].at_eof():
                self.close()  # the server had enough of it while it was idle
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._address)
            reader, writer = self._streams
            data = body.encode()
            head = f"{self._head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            writer.write(head.encode() + b"\r\n" + data)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = answer.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or b"0"))
            if b"connection: close" in answer:
                self.close()
            return answer[9:12].decode()
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            return type(error).__name__

    def close(self) -> None:
        """Give the connection up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


if __name__ == "__main__":
    print(json.dumps(measure(Load(**json.load(sys.stdin)))))

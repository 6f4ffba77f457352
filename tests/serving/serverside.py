"""A server in this process, asked without a network."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

import httpx

from shortlist.serving import Settings, create_app

__all__ = ["Server"]


class Server:
    """A started server on an event loop of its own; it is ready when the block begins."""

    def __init__(self, settings: Settings, *, wait: bool = True, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._wait = wait
        self.app = create_app(settings, **options)
        self.service = self.app.state.service

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run ``work`` on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.run(self._http.request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.request("POST", path, json=body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.request("PUT", path, json=body, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def post_all(self, path: str, bodies: list[Any]) -> list[httpx.Response]:
        """Send all of ``bodies`` at once."""

        async def main() -> list[httpx.Response]:
            return await asyncio.gather(*(self._http.post(path, json=body) for body in bodies))

        return self.run(main())

    def recommended(self, body: Any) -> list[Any]:
        """The items recommended."""
        found = self.post("/v1/recommend", body)
        assert found.status_code == 200, found.text
        return [entry["item"] for entry in found.json()["items"]]

    async def _start(self) -> None:
        self._lifespan = self.app.router.lifespan_context(self.app)
        await self._lifespan.__aenter__()
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        while self._wait and (await self._http.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.002)

    async def _stop(self) -> None:
        await self._http.aclose()
        await self._lifespan.__aexit__(None, None, None)

"""`Guard`: around the whole application: keys, bounds, early refusal, and what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shortlist.serving.problems import ProblemError, problem_response
from shortlist.serving.security import Gate
from shortlist.serving.service import Service

__all__ = ["Guard"]

_ADMIN = ("/v1/items", "/v1/models")
_ANSWERED = ("/v1/recommend", "/v1/similar")


class Guard:
    """ASGI middleware.

    Args:
        app: what it guards.
        service: with the settings, the metrics and the queue.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._settings = service.settings
        self._gate = Gate(service.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it before any work goes into it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            try:
                self._check(scope)
            except ProblemError as problem:
                await problem_response(problem)(scope, receive, watched)
                return
            await self._app(scope, self._bounded(receive), watched)
        finally:
            self._measure(scope, status, time.perf_counter() - began)

    def _check(self, scope: Scope) -> None:
        headers, path, method = dict(scope["headers"]), scope["path"], scope["method"]
        admin = method != "GET" and path.startswith(_ADMIN)
        self._gate.check(path, headers, admin=admin)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > self._settings.max_body:
            raise self._too_large()
        if method == "POST" and path.startswith(_ANSWERED):
            self._service.queries.check_room(1, self._settings.deadline)

    def _bounded(self, receive: Receive) -> Receive:
        """The body, up to the bound of its size, within the time it is given."""
        deadline = time.monotonic() + self._settings.body_timeout
        size, done = 0, False

        async def read() -> MutableMapping[str, Any]:
            nonlocal size, done
            if done:  # what follows is only that the client has gone
                return await receive()
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                raise ProblemError(
                    408,
                    f"Expected the whole body within {self._settings.body_timeout:g} s; received "
                    f"{size} bytes.",
                ) from None
            size += len(message.get("body", b""))
            done = not message.get("more_body", False)
            if size > self._settings.max_body:
                raise self._too_large()
            return message

        return read

    def _too_large(self) -> ProblemError:
        return ProblemError(
            413, f"Expected a body of at most {self._settings.max_body} bytes; it is larger."
        )

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        # The template and not the path, which anybody can make a new one of.
        route = getattr(scope.get("route"), "path", "none")
        self._service.metrics.requests.labels(route, status).inc()
        self._service.metrics.seconds.labels(route).observe(seconds)

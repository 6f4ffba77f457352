"""`Client` and `AsyncClient`: the server's answers as typed Python values.

with Client("http://127.0.0.1:8000", api_key=key) as client:
    found = client.recommend(user=12, k=10)
    [item.item for item in found.items]
    client.send_events([{"user": 12, "item": 50, "type": "click", "key": "4b1c9f3e-1"}])
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import BaseModel

from shortlist.errors import ShortlistError
from shortlist.serving import schemas

__all__ = ["AsyncClient", "Client", "ServerError"]

M = TypeVar("M", bound=BaseModel)
Id = int | str


class ServerError(ShortlistError):
    """The server refused, or could not be reached.

    Attributes:
        status: the HTTP status; None where no answer came.
        problem: the problem document, as far as there is one.
        retry_after: the seconds after which another try is worth it, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        problem: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = dict(problem or {})
        self.retry_after = retry_after


@dataclass(frozen=True)
class _Call(Generic[M]):
    """A request, and what its answer is."""

    method: str
    path: str
    answer: type[M]
    body: Mapping[str, Any] | None = None
    #: Whether it may be sent again although the first may have been done.
    repeatable: bool = True


class _Calls:
    """What both clients can ask, each as a `_Call`."""

    @staticmethod
    def recommend(
        user: Id | None = None, *, history: Sequence[Id] = (), k: int = 10, **more: Any
    ) -> _Call[schemas.Recommendations]:
        body = {"user": user, "history": list(history), "k": k, **more}
        return _Call("POST", "/v1/recommend", schemas.Recommendations, body)

    @staticmethod
    def recommend_batch(queries: Sequence[Mapping[str, Any]]) -> _Call[schemas.BatchAnswer]:
        return _Call("POST", "/v1/recommend/batch", schemas.BatchAnswer, {"queries": list(queries)})

    @staticmethod
    def similar(items: Sequence[Id], k: int = 10) -> _Call[schemas.Similar]:
        return _Call("POST", "/v1/similar", schemas.Similar, {"items": list(items), "k": k})

    @staticmethod
    def send_events(events: Sequence[Mapping[str, Any]]) -> _Call[schemas.Stored]:
        # With a key of its own each event can be sent again without being stored twice.
        keyed = [{"key": uuid4().hex, **event} for event in events]
        return _Call("POST", "/v1/events", schemas.Stored, {"events": keyed})

    @staticmethod
    def send_impressions(
        items: Sequence[Id], *, request: str | None = None, user: Id | None = None
    ) -> _Call[schemas.Stored]:
        body = {"items": list(items), "request": request, "user": user, "key": request}
        if request is None:
            body["key"] = uuid4().hex
        return _Call("POST", "/v1/impressions", schemas.Stored, body)

    @staticmethod
    def put_items(items: Sequence[tuple[Id, Mapping[str, Any]]]) -> _Call[schemas.Applied]:
        body = {"items": [{"item": i, "attributes": dict(a)} for i, a in items]}
        return _Call("POST", "/v1/items", schemas.Applied, body)

    @staticmethod
    def delete_item(item: Id) -> _Call[schemas.Applied]:
        return _Call("DELETE", f"/v1/items/{_quoted(item)}", schemas.Applied, repeatable=False)

    @staticmethod
    def put_user(user: Id, attributes: Mapping[str, Any]) -> _Call[schemas.UserOut]:
        body = {"attributes": dict(attributes)}
        return _Call("PUT", f"/v1/users/{_quoted(user)}", schemas.UserOut, body)

    @staticmethod
    def user(user: Id) -> _Call[schemas.UserOut]:
        return _Call("GET", f"/v1/users/{_quoted(user)}", schemas.UserOut)

    @staticmethod
    def delete_user(user: Id) -> _Call[schemas.Erased]:
        return _Call("DELETE", f"/v1/users/{_quoted(user)}", schemas.Erased)

    @staticmethod
    def models() -> _Call[schemas.ModelsOut]:
        return _Call("GET", "/v1/models", schemas.ModelsOut)

    @staticmethod
    def reload(version: str | None = None) -> _Call[schemas.ModelsOut]:
        return _Call("POST", "/v1/models/reload", schemas.ModelsOut, {"version": version})

    @staticmethod
    def ready() -> _Call[schemas.Health]:
        return _Call("GET", "/health/ready", schemas.Health)


class _Base:
    """What both clients are made of."""

    def __init__(self, url: str, api_key: str | None, timeout: float, retries: int) -> None:
        self._retries = retries
        self._options: dict[str, Any] = {
            "base_url": url,
            "timeout": timeout,
            "headers": {} if api_key is None else {"Authorization": f"Bearer {api_key}"},
        }

    def _wait(self, error: ServerError, call: _Call[M], tried: int) -> float | None:
        """The seconds before another try; None for giving up."""
        refused = error.status == 503
        lost = error.status is None and call.repeatable
        if tried >= self._retries or not (refused or lost):
            return None
        return error.retry_after or 0.1 * 2**tried


class Client(_Base):
    """Asks a server and waits for the answers.

    Args:
        url: of the server.
        api_key: its key, or the admin key for items and models.
        timeout: seconds to wait for an answer.
        retries: how often a request is sent again after a 503 or a lost connection. Events carry
            keys, so that sending them again is safe.

    Raises:
        ServerError: from every method, where the server refused or could not be reached.
    """

    def __init__(
        self, url: str, *, api_key: str | None = None, timeout: float = 5.0, retries: int = 2
    ) -> None:
        super().__init__(url, api_key, timeout, retries)
        self._http = httpx.Client(**self._options)

    def recommend(
        self, user: Id | None = None, *, history: Sequence[Id] = (), k: int = 10, **more: Any
    ) -> schemas.Recommendations:
        """Recommend to a user or a session.

        Args:
            user: the id, or None.
            history: items met last, oldest first.
            k: how many items.
            **more: ``features``, ``where``, ``exclude``, ``exclude_seen``, ``diversity``,
                ``rules`` and ``explain``, as in `schemas.Query`.
        """
        return self._do(_Calls.recommend(user, history=history, k=k, **more))

    def recommend_batch(self, queries: Sequence[Mapping[str, Any]]) -> schemas.BatchAnswer:
        """Answer several queries, each a table of what `recommend` takes."""
        return self._do(_Calls.recommend_batch(queries))

    def similar(self, items: Sequence[Id], k: int = 10) -> schemas.Similar:
        """The items nearest to each of ``items``."""
        return self._do(_Calls.similar(items, k))

    def send_events(self, events: Sequence[Mapping[str, Any]]) -> schemas.Stored:
        """Store events, as in `schemas.EventIn`; without a ``key`` they are given one."""
        return self._do(_Calls.send_events(events))

    def send_impressions(
        self, items: Sequence[Id], *, request: str | None = None, user: Id | None = None
    ) -> schemas.Stored:
        """Store what of an answer was shown, in the order on the screen."""
        return self._do(_Calls.send_impressions(items, request=request, user=user))

    def put_items(self, items: Sequence[tuple[Id, Mapping[str, Any]]]) -> schemas.Applied:
        """Create or update items, each with its attributes."""
        return self._do(_Calls.put_items(items))

    def delete_item(self, item: Id) -> schemas.Applied:
        """Delete an item."""
        return self._do(_Calls.delete_item(item))

    def put_user(self, user: Id, attributes: Mapping[str, Any]) -> schemas.UserOut:
        """Replace a user's attributes."""
        return self._do(_Calls.put_user(user, attributes))

    def user(self, user: Id) -> schemas.UserOut:
        """What is known of a user."""
        return self._do(_Calls.user(user))

    def delete_user(self, user: Id) -> schemas.Erased:
        """Delete everything of a user."""
        return self._do(_Calls.delete_user(user))

    def models(self) -> schemas.ModelsOut:
        """The versions of the bundle."""
        return self._do(_Calls.models())

    def reload(self, version: str | None = None) -> schemas.ModelsOut:
        """Let a version serve, the latest by default."""
        return self._do(_Calls.reload(version))

    def ready(self) -> schemas.Health:
        """Whether the server answers."""
        return self._do(_Calls.ready())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _do(self, call: _Call[M]) -> M:
        tried = 0
        while True:
            try:
                return _answer(call, self._http.request(call.method, call.path, json=call.body))
            except (ServerError, httpx.HTTPError) as error:
                failure = _failure(error)
                wait = self._wait(failure, call, tried)
                if wait is None:
                    raise failure from None
            time.sleep(wait)
            tried += 1


class AsyncClient(_Base):
    """The same for ``async`` programs: every method of `Client`, to be awaited.

    Args:
        url, api_key, timeout, retries: as for `Client`.
    """

    def __init__(
        self, url: str, *, api_key: str | None = None, timeout: float = 5.0, retries: int = 2
    ) -> None:
        super().__init__(url, api_key, timeout, retries)
        self._http = httpx.AsyncClient(**self._options)

    async def recommend(
        self, user: Id | None = None, *, history: Sequence[Id] = (), k: int = 10, **more: Any
    ) -> schemas.Recommendations:
        """Recommend to a user or a session; see `Client.recommend`."""
        return await self._do(_Calls.recommend(user, history=history, k=k, **more))

    async def recommend_batch(self, queries: Sequence[Mapping[str, Any]]) -> schemas.BatchAnswer:
        """Answer several queries."""
        return await self._do(_Calls.recommend_batch(queries))

    async def similar(self, items: Sequence[Id], k: int = 10) -> schemas.Similar:
        """The items nearest to each of ``items``."""
        return await self._do(_Calls.similar(items, k))

    async def send_events(self, events: Sequence[Mapping[str, Any]]) -> schemas.Stored:
        """Store events."""
        return await self._do(_Calls.send_events(events))

    async def send_impressions(
        self, items: Sequence[Id], *, request: str | None = None, user: Id | None = None
    ) -> schemas.Stored:
        """Store what of an answer was shown."""
        return await self._do(_Calls.send_impressions(items, request=request, user=user))

    async def put_items(self, items: Sequence[tuple[Id, Mapping[str, Any]]]) -> schemas.Applied:
        """Create or update items."""
        return await self._do(_Calls.put_items(items))

    async def delete_item(self, item: Id) -> schemas.Applied:
        """Delete an item."""
        return await self._do(_Calls.delete_item(item))

    async def put_user(self, user: Id, attributes: Mapping[str, Any]) -> schemas.UserOut:
        """Replace a user's attributes."""
        return await self._do(_Calls.put_user(user, attributes))

    async def user(self, user: Id) -> schemas.UserOut:
        """What is known of a user."""
        return await self._do(_Calls.user(user))

    async def delete_user(self, user: Id) -> schemas.Erased:
        """Delete everything of a user."""
        return await self._do(_Calls.delete_user(user))

    async def models(self) -> schemas.ModelsOut:
        """The versions of the bundle."""
        return await self._do(_Calls.models())

    async def reload(self, version: str | None = None) -> schemas.ModelsOut:
        """Let a version serve."""
        return await self._do(_Calls.reload(version))

    async def ready(self) -> schemas.Health:
        """Whether the server answers."""
        return await self._do(_Calls.ready())

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _do(self, call: _Call[M]) -> M:
        tried = 0
        while True:
            try:
                response = await self._http.request(call.method, call.path, json=call.body)
                return _answer(call, response)
            except (ServerError, httpx.HTTPError) as error:
                failure = _failure(error)
                wait = self._wait(failure, call, tried)
                if wait is None:
                    raise failure from None
            await asyncio.sleep(wait)
            tried += 1


def _answer(call: _Call[M], response: httpx.Response) -> M:
    if response.is_success:
        return call.answer.model_validate_json(response.content)
    try:
        problem = dict(response.json())
    except ValueError:
        problem = {}
    after = response.headers.get("Retry-After", "")
    raise ServerError(
        f"{response.status_code}: {problem.get('detail', response.reason_phrase)}",
        status=response.status_code,
        problem=problem,
        retry_after=float(after) if after.isdigit() else None,
    )


def _failure(error: ServerError | httpx.HTTPError) -> ServerError:
    if isinstance(error, ServerError):
        return error
    return ServerError(
        f"The server did not answer ({type(error).__name__}: {error}). Check its address, and "
        "whether it runs."
    )


def _quoted(name: Id) -> str:
    return quote(str(name), safe="")

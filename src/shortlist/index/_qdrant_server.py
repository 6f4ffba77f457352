"""A Qdrant server as the indexes of this process share it."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shortlist.errors import ConfigError, MissingDependencyError, WorkerError
from shortlist.index.gate import Gate

__all__ = ["Server", "library", "server"]

_MEMORY = ":memory:"


class Server:
    """A client of one server, and the gate that the indexes of this process share for it.

    Attributes:
        where: its address.
        local: whether it is the client's own search in this process.
        client: of ``qdrant_client``.
    """

    def __init__(self, where: str, api_key: str | None) -> None:
        self.where = where
        self.local = where == _MEMORY
        self._gate = Gate()
        self._refusals: type[Exception] = library().http.exceptions.ApiException
        made = library().QdrantClient
        self.client: Any = (
            made(_MEMORY)
            if self.local
            else made(url=where, api_key=api_key, check_compatibility=False)
        )

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """The client, while no index of this process changes anything.

        Raises:
            WorkerError: the server does not answer, or refuses.
        """
        with self._gate.reading(), self._heard():
            yield self.client

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """The client alone.

        Raises:
            WorkerError: the server does not answer, or refuses.
        """
        with self._gate.writing(), self._heard():
            yield self.client

    @contextmanager
    def _heard(self) -> Iterator[None]:
        try:
            yield
        except self._refusals as error:
            raise WorkerError(
                f"The Qdrant server at {self.where} did not do what was asked. See that it runs, "
                f"that the address is right, and that it takes the key. It said: {error}"
            ) from error


# Kept to the end: what ":memory:" holds is this process's, as a server's is the server's.
_SERVERS: dict[tuple[str, str | None], Server] = {}
_OPENING = threading.Lock()


def server(where: str, api_key: str | None) -> Server:
    """The one client of a server.

    Raises:
        ConfigError: ``where`` is no address.
        MissingDependencyError: ``qdrant-client`` is not installed.
    """
    library()
    with _OPENING:
        found = _SERVERS.get((where, api_key))
        if found is None:
            try:
                found = Server(where, api_key)
            except ValueError as error:
                raise ConfigError(
                    "Expected the address of a Qdrant server, such as http://localhost:6333; "
                    f"received {where!r}: {error}."
                ) from None
            _SERVERS[where, api_key] = found
        return found


def library() -> Any:
    """The library ``qdrant_client``.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        found = importlib.import_module("qdrant_client")
        importlib.import_module("qdrant_client.http.exceptions")
    except ImportError as error:
        raise MissingDependencyError.of("qdrant-client", "qdrant", "The Qdrant index") from error
    return found

"""`serve`: one process, one event loop, until it is asked to end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from shortlist.serving.app import create_app
from shortlist.serving.settings import Settings

__all__ = ["serve"]

# The thread that answers and the event loop take turns; with Python's 5 ms a request that came
# in while a batch is worked on would wait that long before it is even read.
_TURN = 0.0005
# More than this many connections at once are refused.
_CONNECTIONS = 4096
# Seconds an idle connection is kept: longer than proxies keep theirs, which then never send a
# request into one that is just being closed.
_IDLE = 75


def serve(settings: Settings, *, on_listening: Callable[[str], None] | None = None) -> None:
    """Serve a bundle until SIGTERM or Ctrl-C, then finish the requests that run.

    Args:
        settings: how it works.
        on_listening: told the address once there is one; it is not yet ready then.

    Raises:
        ShortlistError: there is no version that can be served.
        OSError: the address is taken.
    """
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        failures.append(error)
        server.should_exit = True

    app = create_app(settings, on_failure=fail)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=max(1, round(settings.drain)),
        ws="none",
    )
    server = _Server(config, app.state.service.drain, on_listening)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        server.run()
    finally:
        sys.setswitchinterval(before)
    if failures:
        raise failures[0]


class _Server(uvicorn.Server):
    """Says where it listens, and tells the application as soon as it is to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        drain: Callable[[], None],
        on_listening: Callable[[str], None] | None,
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._on_listening = on_listening

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started and self._on_listening is not None:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_listening(
                f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._drain()
        super().handle_exit(sig, frame)

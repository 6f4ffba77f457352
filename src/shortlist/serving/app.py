"""`create_app`: the server as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from shortlist._version import __version__
from shortlist.serving import routes
from shortlist.serving.description import describe
from shortlist.serving.guard import Guard
from shortlist.serving.problems import add_handlers
from shortlist.serving.service import Service
from shortlist.serving.settings import Settings

__all__ = ["create_app"]

_ABOUT = """Recommendations from a saved recommender: raw ids and features in, a short list out.

Every error is a problem document (RFC 9457). 503 comes with `Retry-After`."""


def create_app(
    settings: Settings, *, on_failure: Callable[[BaseException], None] | None = None
) -> FastAPI:
    """The server for a bundle; run it with any ASGI server, in one process.

    The bundle is loaded in the background once the application starts, and ``/health/ready``
    says when that is done.

    Args:
        settings: how it works.
        on_failure: told the error when there is no version to serve at the start.

    Raises:
        BundleError: there is no folder of that name.
        ConfigError: the state cannot be opened.
    """
    service = Service(settings, on_failure)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="shortlist",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        # Their pages come from a server of somebody else.
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    for made in (
        routes.recommend,
        routes.items,
        routes.users,
        routes.feedback,
        routes.models,
        routes.health,
    ):
        app.include_router(made.router(service))
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    add_handlers(app)
    app.add_middleware(Guard, service=service)
    return app

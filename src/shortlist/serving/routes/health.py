"""Whether the server lives, whether it answers, and its metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response

from shortlist.serving import schemas
from shortlist.serving.problems import ProblemError
from shortlist.serving.routes.answers import as_json, problems
from shortlist.serving.service import Service

__all__ = ["router"]


def router(service: Service) -> APIRouter:
    """The routes."""
    made = APIRouter(tags=["health"])

    @made.get("/health/live", response_model=schemas.Health)
    async def live() -> Response:
        """The process answers; it is not to be restarted."""
        return as_json({"status": "live"})

    @made.get("/health/ready", response_model=schemas.Health, responses=problems())
    async def ready() -> Response:
        """A version is loaded and warm; requests may be sent."""
        if service.ending:
            raise ProblemError(503, "The server is ending.", kind="ending", retry_after=1)
        return as_json({"status": "ready", "model": service.engine.version})

    @made.get("/metrics", response_class=Response, responses=problems())
    async def metrics() -> Response:
        """Counters for Prometheus."""
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(service.metrics.text(), media_type=kind)

    return made

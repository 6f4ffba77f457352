"""The versions of the bundle, and which of them serves."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response

from shortlist.serving import schemas
from shortlist.serving.models import Version
from shortlist.serving.routes.answers import as_json, problems
from shortlist.serving.service import Service

__all__ = ["router"]


def router(service: Service) -> APIRouter:
    """The routes."""
    made = APIRouter(tags=["models"], responses=problems())

    @made.get("/v1/models", response_model=schemas.ModelsOut)
    async def get_models() -> Response:
        """The versions on the disk, and the one that serves."""
        return as_json(await _listed())

    @made.post(
        "/v1/models/reload",
        response_model=schemas.ModelsOut,
        responses=problems(400, 408, 409, 413, 415, 422),
    )
    async def reload(body: schemas.ReloadIn) -> Response:
        """Verify, load and warm up a version and let it serve; a bad one changes nothing (409)."""
        await service.reload(body.version)
        return as_json(await _listed())

    async def _listed() -> dict[str, Any]:
        versions = await asyncio.to_thread(service.models.versions)
        return {
            "bundle": str(service.settings.bundle),
            "models": [_version(service, version) for version in versions],
        }

    return made


def _version(service: Service, version: Version) -> dict[str, Any]:
    told: dict[str, Any] = {"version": version.name, "status": version.status}
    served = service.models.served
    if version.status == "serving" and served is not None:
        told["fingerprint"] = served.fingerprint
        told["loaded"] = served.since
        told["items"] = served.engine.recommender.size
    if version.error is not None:
        told["error"] = version.error
    return told

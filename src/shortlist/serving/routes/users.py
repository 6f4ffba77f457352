"""Users: attributes that count from now on, and the deletion of all that is known of one."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from shortlist.serving import schemas
from shortlist.serving.routes.answers import as_json, problems
from shortlist.serving.service import Service
from shortlist.serving.state import Erasure, Profile, UserChange

__all__ = ["router"]


def router(service: Service) -> APIRouter:
    """The routes."""
    made = APIRouter(tags=["users"], responses=problems(400, 408, 413, 415, 422))

    @made.put("/v1/users/{user:path}", response_model=schemas.UserOut)
    async def put_user(user: str, body: schemas.AttributesIn) -> Response:
        """Create a user or update the attributes of one; they replace those before."""
        engine = service.engine
        name = engine.users.of_path(user)
        if body.attributes:
            # Refuses what the model does not read, and what does not fit.
            await asyncio.to_thread(engine.recommender.queries, [None], features=body.attributes)
        await service.write([UserChange(name, body.attributes)])
        return await _shown(name)

    @made.get("/v1/users/{user:path}", response_model=schemas.UserOut)
    async def get_user(user: str) -> Response:
        """What is known of a user; of one never met that is nothing, and no error."""
        return await _shown(service.engine.users.of_path(user))

    @made.delete("/v1/users/{user:path}", response_model=schemas.Erased)
    async def delete_user(user: str) -> Response:
        """Delete all that is stored of a user; what the bundle knows is not used any more."""
        name = service.engine.users.of_path(user)
        await service.write([Erasure(name)])
        return as_json({"user": name, "erased": True})

    async def _shown(name: int | str) -> Response:
        found = await asyncio.to_thread(service.state.profiles, [name])
        profile = found.get(name, Profile())
        known = not profile.erased and bool(service.engine.recommender.users.knows([name])[0])
        return as_json(
            {
                "user": name,
                "attributes": profile.attributes,
                "events": len(profile.items),
                "known": known,
            }
        )

    return made

"""Items: create, update, delete. What is answered counts at once, and survives a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, Response

from shortlist.serving import schemas
from shortlist.serving.problems import ProblemError
from shortlist.serving.routes.answers import as_json, problems
from shortlist.serving.service import Service
from shortlist.serving.state import ItemChange

__all__ = ["router"]


def router(service: Service) -> APIRouter:
    """The routes."""
    made = APIRouter(tags=["items"], responses=problems(400, 408, 413, 415, 422))

    @made.post("/v1/items", response_model=schemas.Applied)
    async def put_items(body: schemas.ItemsIn) -> Response:
        """Create or update items; all of them, or none where one is wrong."""
        return await _change([ItemChange(one.item, one.attributes) for one in body.items])

    @made.put("/v1/items/{item:path}", response_model=schemas.Applied)
    async def put_item(item: str, body: schemas.AttributesIn) -> Response:
        """Create or update an item. Attributes that are not given are unknown."""
        name = service.engine.items.of_path(item)
        return await _change([ItemChange(name, body.attributes)])

    @made.get("/v1/items/{item:path}", response_model=schemas.ItemsOut, responses=problems(404))
    async def get_item(item: str) -> Response:
        """An item's attributes."""
        engine = service.engine
        name = engine.items.of_path(item)
        if name not in engine.known:
            raise ProblemError(404, f"There is no item {item[:100]!r} in the catalogue.")
        return as_json({"item": name, "attributes": engine.known.attributes(name)})

    @made.delete("/v1/items/{item:path}", response_model=schemas.Applied, responses=problems(404))
    async def delete_item(item: str) -> Response:
        """Delete an item; it is not recommended from now on."""
        engine = service.engine
        name = engine.items.of_path(item)
        if name not in engine.known:
            raise ProblemError(404, f"There is no item {item[:100]!r} in the catalogue.")
        return await _change([ItemChange(name, None)])

    async def _change(changes: Sequence[ItemChange]) -> Response:
        engine = service.engine
        engine.items.check([change.item for change in changes])
        await asyncio.to_thread(engine.check_changes, changes)
        await service.write(changes)
        await asyncio.to_thread(service.models.catch_up)
        service.metrics.items.set(engine.recommender.size)
        return as_json({"model": engine.version, "changed": len(changes)})

    return made

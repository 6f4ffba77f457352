"""Feedback: events and impressions. What is acknowledged is on the disk."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from fastapi import APIRouter, Response

from shortlist.serving import schemas
from shortlist.serving.routes.answers import as_json, problems
from shortlist.serving.service import Service
from shortlist.serving.state import Event, Impression, Outcome

__all__ = ["router"]


def router(service: Service) -> APIRouter:
    """The routes."""
    made = APIRouter(tags=["feedback"], responses=problems(400, 408, 413, 415, 422))

    @made.post("/v1/events", response_model=schemas.Stored)
    async def post_events(body: schemas.EventsIn) -> Response:
        """Store what users did. An event that is sent again under its key is stored once."""
        engine = service.engine
        engine.users.check([event.user for event in body.events])
        engine.items.check([event.item for event in body.events])
        events = [_event(event) for event in body.events]
        return _stored([event.key for event in events], await service.write(events))

    @made.post("/v1/impressions", response_model=schemas.Stored)
    async def post_impressions(body: schemas.ImpressionsIn) -> Response:
        """Store what was really shown, in its order, with the propensities of the request."""
        service.engine.items.check(body.items)
        if body.user is not None:
            service.engine.users.check([body.user])
        shown = await _impressions(service, body)
        return _stored([one.key for one in shown], await service.write(shown))

    return made


def _event(event: schemas.EventIn) -> Event:
    return Event(
        key=event.key or f"server:{secrets.token_hex(16)}",
        user=event.user,
        item=event.item,
        type=event.type,
        time=time.time() if event.time is None else event.time,
        value=event.value,
        request=event.request,
        context=event.context,
    )


async def _impressions(service: Service, body: schemas.ImpressionsIn) -> list[Impression]:
    logged = None if body.request is None else await service.logged(body.request)
    drawn = {} if logged is None else dict(zip(logged.items, logged.propensities, strict=True))
    user = body.user if body.user is not None or logged is None else logged.user
    key = body.key or body.request or f"server:{secrets.token_hex(16)}"
    moment = time.time() if body.time is None else body.time
    return [
        Impression(f"{key}:{place}", body.request, user, item, place, moment, drawn.get(item))
        for place, item in enumerate(body.items, 1)
    ]


def _stored(keys: Sequence[str], outcomes: Sequence[Outcome]) -> Response:
    conflicts = [k for k, o in zip(keys, outcomes, strict=True) if o is Outcome.CONFLICT]
    return as_json(
        {
            "stored": sum(outcome is Outcome.STORED for outcome in outcomes),
            "duplicates": sum(outcome is Outcome.DUPLICATE for outcome in outcomes),
            "conflicts": conflicts,
        }
    )

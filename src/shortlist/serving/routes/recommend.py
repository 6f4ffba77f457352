"""Recommendations for users, sessions and lists of items, and items like others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Response

from shortlist.recommender.answers import Explanation
from shortlist.serving import schemas
from shortlist.serving.asks import Answer, Ask, Item, LikeAsk
from shortlist.serving.routes.answers import as_json, problems
from shortlist.serving.service import Service

__all__ = ["router"]


def router(service: Service) -> APIRouter:
    """The routes."""
    made = APIRouter(tags=["recommend"], responses=problems(400, 408, 413, 415, 422))

    @made.post("/v1/recommend", response_model=schemas.Recommendations)
    async def recommend(query: schemas.Query) -> Response:
        """Recommend to a user, a session or somebody of whom only features are known."""
        ask = Ask.of(query)
        [answer] = await service.recommend([ask])
        return as_json(_told(service, ask, answer))

    @made.post("/v1/recommend/batch", response_model=schemas.BatchAnswer)
    async def recommend_batch(batch: schemas.BatchQuery) -> Response:
        """Answer several queries; all of them, or none where one is wrong."""
        asks = [Ask.of(query) for query in batch.queries]
        answers = await service.recommend(asks)
        told = [_told(service, ask, answer) for ask, answer in zip(asks, answers, strict=True)]
        return as_json({"answers": told})

    @made.post("/v1/similar", response_model=schemas.Similar, responses=problems(404))
    async def similar(query: schemas.SimilarQuery) -> Response:
        """The items nearest to each of some items, by the cosine of their vectors."""
        found = await service.similar(LikeAsk(tuple(query.items), query.k))
        lists = [
            {"item": item, "items": _items(answer)}
            for item, answer in zip(query.items, found, strict=True)
        ]
        return as_json({"model": service.engine.version, "answers": lists})

    return made


def _told(service: Service, ask: Ask, answer: Answer) -> dict[str, Any]:
    return {
        "request": service.log(ask, answer),
        "model": answer.model,
        "user": ask.user,
        "fallback": answer.fallback,
        "degraded": answer.degraded,
        "items": _items(answer.items),
    }


def _items(items: Iterable[Item]) -> list[dict[str, Any]]:
    told = []
    for item in items:
        entry: dict[str, Any] = {"item": item.item, "score": item.score, "title": item.title}
        if item.propensity is not None:
            entry["propensity"] = item.propensity
        if item.why is not None:
            entry["why"] = _why(item.why)
        told.append(entry)
    return told


def _why(said: Explanation) -> dict[str, Any]:
    ranking = None
    if said.ranking_place is not None:
        ranking = {"place": said.ranking_place + 1, "score": said.ranking_score}
    retrieval = {"place": said.retrieval_place + 1, "score": said.retrieval_score}
    told: dict[str, Any] = {"retrieval": retrieval, "ranking": ranking}
    return told | {"reasons": list(said.reasons), "tasks": dict(said.task_scores)}

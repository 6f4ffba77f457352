"""One query on its way through the server, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shortlist.recommender.answers import Explanation
from shortlist.serving.schemas import Query

__all__ = ["Answer", "Ask", "Item", "LikeAsk"]

Id = int | str


@dataclass(frozen=True)
class Ask:
    """A query that was checked; see `schemas.Query` for the fields."""

    user: Id | None = None
    history: tuple[Id, ...] = ()
    features: Mapping[str, Any] | None = None
    k: int = 10
    where: str | None = None
    exclude: tuple[Id, ...] = ()
    exclude_seen: bool = True
    diversity: float | None = None
    rules: tuple[tuple[tuple[str, Any], ...], ...] = ()
    explain: bool = False

    @classmethod
    def of(cls, query: Query) -> Ask:
        """The ask of a request's query."""
        return cls(
            query.user,
            tuple(query.history),
            query.features,
            query.k,
            query.where,
            tuple(query.exclude),
            query.exclude_seen,
            query.diversity,
            tuple(tuple(rule.model_dump().items()) for rule in query.rules),
            query.explain,
        )

    @property
    def together(self) -> tuple[Any, ...]:
        """Asks of which this is the same can go through the recommender in one call."""
        return (self.k, self.where, self.exclude_seen, self.diversity, self.rules, self.explain)

    def logged(self) -> dict[str, Any]:
        """What of it is not as it is by default, as JSON values."""
        values: dict[str, Any] = {"k": self.k}
        for name in ("where", "diversity", "features"):
            if getattr(self, name) is not None:
                values[name] = getattr(self, name)
        for name in ("history", "exclude"):
            if getattr(self, name):
                values[name] = list(getattr(self, name))
        if self.rules:
            values["rules"] = [dict(rule) for rule in self.rules]
        if not self.exclude_seen:
            values["exclude_seen"] = False
        return values


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an answer; ``propensity`` where it was drawn, ``why`` where it was asked for."""

    item: Id
    score: float
    title: str
    propensity: float | None = None
    why: Explanation | None = None


@dataclass(frozen=True)
class Answer:
    """The short list for one ask."""

    items: tuple[Item, ...]
    model: str
    fallback: bool
    degraded: bool


@dataclass(frozen=True)
class LikeAsk:
    """A question for the ``k`` items nearest to each of ``items``."""

    items: tuple[Id, ...]
    k: int

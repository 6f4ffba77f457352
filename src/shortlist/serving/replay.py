"""A log of requests asked again of two versions of a recommender, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from shortlist.serving.asks import Answer, Ask, Id
from shortlist.serving.engine import Engine
from shortlist.serving.state import Profile, Request

__all__ = ["Difference", "Replayed", "replay"]

_AT_ONCE = 128


@dataclass(frozen=True)
class Difference:
    """One request that the two answer differently.

    Attributes:
        request: its id in the log.
        user: for whom.
        one, other: the items of each, best first.
        overlap: the share of the shorter list that is in both.
    """

    request: str
    user: Id | None
    one: tuple[Id, ...]
    other: tuple[Id, ...]
    overlap: float


@dataclass(frozen=True)
class Replayed:
    """What came of a replay.

    Attributes:
        requests: how many were asked again.
        failed: how many one of the two could not answer, with the first reason.
        reason: that reason, or None.
        same: how many lists are the same, item by item.
        same_first: how many have the same first item.
        overlap: the mean share of items that are in both lists.
        moved: the mean number of places by which items in both lists differ.
        fallback: the lists that each took from the most popular items.
        differences: the lists with the smallest overlap, the smallest first.
    """

    requests: int
    failed: int
    reason: str | None
    same: int
    same_first: int
    overlap: float
    moved: float
    fallback: tuple[int, int]
    differences: tuple[Difference, ...]


def replay(requests: Iterable[Request], one: Engine, other: Engine, *, shown: int = 10) -> Replayed:
    """Ask ``requests`` again of both; what happened since is left out for both alike.

    Args:
        requests: of the log.
        one: a version.
        other: another one.
        shown: how many differences are kept.
    """
    failed, reason = 0, None
    pairs: list[tuple[Request, Answer, Answer]] = []
    for block in _blocks(requests):
        asks = [_ask(request) for request in block]
        empty: dict[Id, Profile] = {}
        answers = zip(block, one.answer(asks, empty), other.answer(asks, empty), strict=True)
        for request, mine, theirs in answers:
            wrong = next((a for a in (mine, theirs) if isinstance(a, BaseException)), None)
            if isinstance(mine, Answer) and isinstance(theirs, Answer):
                pairs.append((request, mine, theirs))
            else:
                failed, reason = failed + 1, reason or str(wrong)
    differences = [_difference(*pair) for pair in pairs]
    changed = sorted((d for d in differences if d.one != d.other), key=lambda d: d.overlap)
    return Replayed(
        requests=len(pairs) + failed,
        failed=failed,
        reason=reason,
        same=len(differences) - len(changed),
        same_first=sum(d.one[:1] == d.other[:1] for d in differences),
        overlap=_mean([d.overlap for d in differences], nothing=1.0),
        moved=_mean([places for d in differences for places in _moved(d)], nothing=0.0),
        fallback=(
            sum(mine.fallback for _, mine, _ in pairs),
            sum(theirs.fallback for _, _, theirs in pairs),
        ),
        differences=tuple(changed[:shown]),
    )


def _ask(request: Request) -> Ask:
    asked: dict[str, Any] = dict(request.asked)
    for name in ("history", "exclude"):
        asked[name] = tuple(asked.get(name, ()))
    asked["rules"] = tuple(tuple(rule.items()) for rule in asked.get("rules", ()))
    return Ask(user=request.user, **asked)


def _difference(request: Request, mine: Answer, theirs: Answer) -> Difference:
    one, other = (tuple(item.item for item in answer.items) for answer in (mine, theirs))
    shorter = min(len(one), len(other))
    overlap = len(set(one) & set(other)) / shorter if shorter else float(one == other)
    return Difference(request.id, request.user, one, other, overlap)


def _moved(difference: Difference) -> Iterator[int]:
    places = {item: place for place, item in enumerate(difference.other)}
    for place, item in enumerate(difference.one):
        if item in places:
            yield abs(place - places[item])


def _mean(values: list[Any], *, nothing: float) -> float:
    return sum(values) / len(values) if values else nothing


def _blocks(requests: Iterable[Request]) -> Iterator[list[Request]]:
    iterator = iter(requests)
    while block := list(islice(iterator, _AT_ONCE)):
        yield block

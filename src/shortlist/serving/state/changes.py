"""What can be written into the state, as plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = [
    "Change",
    "Erasure",
    "Event",
    "Impression",
    "ItemChange",
    "Outcome",
    "Request",
    "UserChange",
    "fingerprint",
]

Id = int | str


class Outcome(Enum):
    """What became of a change."""

    STORED = "stored"
    #: The same was stored before under its key.
    DUPLICATE = "duplicate"
    #: Something else was stored before under its key; nothing was changed.
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Event:
    """A user did something with an item.

    Attributes:
        key: its idempotency key: of events with one key the first alone is stored.
        user, item: the ids.
        type: such as ``"click"``.
        time: when, in seconds since 1970.
        value: such as a rating or a price, or None.
        request: the id of the recommendation it came from, or None.
        context: anything else, as JSON values.
    """

    key: str
    user: Id
    item: Id
    type: str
    time: float
    value: float | None = None
    request: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Impression:
    """An item was shown to a user.

    Attributes:
        key: its idempotency key.
        request: the id of the recommendation it was part of, or None.
        user: to whom, or None for a session without a name.
        item: what.
        position: where, from 1.
        time: when, in seconds since 1970.
        propensity: the probability with which the item was chosen for its place; None where
            nothing was left to chance.
    """

    key: str
    request: str | None
    user: Id | None
    item: Id
    position: int
    time: float
    propensity: float | None = None


@dataclass(frozen=True)
class Request:
    """A recommendation that was given, as a log that can be replayed.

    Attributes:
        id: as in the answer.
        time: when, in seconds since 1970.
        model: the version of the bundle.
        user: for whom, or None.
        asked: the question: the body of the request with the history that was used.
        items, scores, propensities: the answer, best first.
    """

    id: str
    time: float
    model: str
    user: Id | None
    asked: Mapping[str, Any]
    items: tuple[Id, ...]
    scores: tuple[float, ...]
    propensities: tuple[float | None, ...]


@dataclass(frozen=True)
class UserChange:
    """A user's attributes, which replace those before."""

    user: Id
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Erasure:
    """Everything of a user is to be deleted, and what the bundle knows of them not to be used."""

    user: Id


@dataclass(frozen=True)
class ItemChange:
    """An item was created or updated, or deleted where ``attributes`` is None.

    Attributes:
        sequence: the place among all changes of items; given by the store.
    """

    item: Id
    attributes: Mapping[str, Any] | None
    sequence: int = 0


Change = Event | Impression | Request | UserChange | Erasure | ItemChange


def fingerprint(event: Event) -> str:
    """What an event says, so that another one under its key is told from the same one again.

    The time is left out: where the client gives none the server's clock fills it in.
    """
    said = [event.user, event.item, event.type, event.value, event.request, dict(event.context)]
    return hashlib.blake2b(
        json.dumps(said, sort_keys=True).encode("ascii"), digest_size=16
    ).hexdigest()

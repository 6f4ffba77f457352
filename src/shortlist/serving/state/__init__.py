"""Online state: what happened and what changed since the bundle was made.

`StateStore` keeps it in SQLite or PostgreSQL; both pass `shortlist.testing.StateStoreTests`.
"""

from __future__ import annotations

from shortlist.serving.state.changes import (
    Change,
    Erasure,
    Event,
    Impression,
    ItemChange,
    Outcome,
    Request,
    UserChange,
)
from shortlist.serving.state.store import Profile, StateStore

__all__ = [
    "Change",
    "Erasure",
    "Event",
    "Impression",
    "ItemChange",
    "Outcome",
    "Profile",
    "Request",
    "StateStore",
    "UserChange",
]

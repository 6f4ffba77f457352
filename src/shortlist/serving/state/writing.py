"""How each kind of change becomes rows, many at once, in an open transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from shortlist.serving.keys import encode_id
from shortlist.serving.state import tables
from shortlist.serving.state.changes import (
    Erasure,
    Event,
    Impression,
    ItemChange,
    Outcome,
    Request,
    UserChange,
    fingerprint,
)

__all__ = ["WRITERS"]

# Databases bound the number of parameters of a statement.
_AT_ONCE = 500


def write_events(connection: Connection, changes: Sequence[Event]) -> list[Outcome]:
    """Store events, each key once."""
    rows = [
        {
            "key": event.key,
            "user": encode_id(event.user),
            "item": encode_id(event.item),
            "type": event.type,
            "time": event.time,
            "value": event.value,
            "request": event.request,
            "context": json.dumps(dict(event.context)),
            "fingerprint": fingerprint(event),
        }
        for event in changes
    ]
    return _insert_once(connection, tables.events, rows, "fingerprint")


def write_impressions(connection: Connection, changes: Sequence[Impression]) -> list[Outcome]:
    """Store impressions, each key once."""
    rows = [
        {
            "key": shown.key,
            "request": shown.request,
            "user": None if shown.user is None else encode_id(shown.user),
            "item": encode_id(shown.item),
            "position": shown.position,
            "time": shown.time,
            "propensity": shown.propensity,
        }
        for shown in changes
    ]
    return _insert_once(connection, tables.impressions, rows, "item")


def write_requests(connection: Connection, changes: Sequence[Request]) -> list[Outcome]:
    """Log requests."""
    rows = [
        {
            "id": asked.id,
            "time": asked.time,
            "model": asked.model,
            "user": None if asked.user is None else encode_id(asked.user),
            "asked": json.dumps(dict(asked.asked)),
            "answer": json.dumps([asked.items, asked.scores, asked.propensities]),
        }
        for asked in changes
    ]
    connection.execute(tables.requests.insert(), rows)
    return [Outcome.STORED] * len(rows)


def write_users(connection: Connection, changes: Sequence[UserChange]) -> list[Outcome]:
    """Store attributes of users; the last of several for one user counts."""
    rows = [
        {"user": encode_id(user.user), "attributes": json.dumps(dict(user.attributes))}
        for user in changes
    ]
    _upsert(connection, tables.users, rows, "user", ("attributes",))
    return [Outcome.STORED] * len(rows)


def write_erasures(connection: Connection, changes: Sequence[Erasure]) -> list[Outcome]:
    """Delete everything of users and remember that it was deleted."""
    users = [encode_id(change.user) for change in changes]
    for table in (tables.events, tables.impressions, tables.requests):
        connection.execute(delete(table).where(table.c.user.in_(users)))
    now = time.time()
    rows = [{"user": user, "attributes": None, "erased": now} for user in users]
    _upsert(connection, tables.users, rows, "user", ("attributes", "erased"))
    return [Outcome.STORED] * len(users)


def write_items(connection: Connection, changes: Sequence[ItemChange]) -> list[Outcome]:
    """Store changes of items, numbered in their order."""
    if connection.dialect.name == "postgresql":
        # Numbers have to become visible in their order, so one transaction numbers at a time.
        connection.exec_driver_sql("LOCK TABLE shortlist_items IN SHARE ROW EXCLUSIVE MODE")
    highest = connection.execute(select(func.max(tables.items.c.sequence))).scalar() or 0
    rows = [
        {
            "item": encode_id(change.item),
            "attributes": (
                None if change.attributes is None else json.dumps(dict(change.attributes))
            ),
            "sequence": highest + place,
        }
        for place, change in enumerate(changes, 1)
    ]
    _upsert(connection, tables.items, rows, "item", ("attributes", "sequence"))
    return [Outcome.STORED] * len(rows)


WRITERS: dict[type, Callable[[Connection, Sequence[Any]], list[Outcome]]] = {
    Event: write_events,
    Impression: write_impressions,
    Request: write_requests,
    UserChange: write_users,
    Erasure: write_erasures,
    ItemChange: write_items,
}


def _insert_once(
    connection: Connection, table: Table, rows: list[dict[str, Any]], said: str
) -> list[Outcome]:
    """Insert rows whose key is new; tell of the others whether they say the same."""
    known = _known(connection, table, [row["key"] for row in rows], said)
    outcomes, new = [], []
    for row in rows:
        if row["key"] in known:
            same = known[row["key"]] == row[said]
            outcomes.append(Outcome.DUPLICATE if same else Outcome.CONFLICT)
        else:
            known[row["key"]] = row[said]
            new.append(row)
            outcomes.append(Outcome.STORED)
    if new:
        # Another process may have been faster with the same key, which is no error.
        statement = _inserting(connection, table).on_conflict_do_nothing(index_elements=["key"])
        connection.execute(statement, new)
    return outcomes


def _known(connection: Connection, table: Table, keys: list[str], said: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for start in range(0, len(keys), _AT_ONCE):
        asked = table.c.key.in_(keys[start : start + _AT_ONCE])
        rows = connection.execute(select(table.c.key, table.c[said]).where(asked))
        found.update((row[0], row[1]) for row in rows)
    return found


def _upsert(
    connection: Connection,
    table: Table,
    rows: list[dict[str, Any]],
    key: str,
    columns: Sequence[str],
) -> None:
    insert = _inserting(connection, table)
    statement = insert.on_conflict_do_update(
        index_elements=[key], set_={name: insert.excluded[name] for name in columns}
    )
    connection.execute(statement, rows)


def _inserting(connection: Connection, table: Table) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)

"""`StateStore`: the state in a database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import sqlalchemy
from sqlalchemy import Connection, Engine, delete, select

from shortlist.errors import ConfigError
from shortlist.serving.keys import decode_id, encode_id
from shortlist.serving.state import tables
from shortlist.serving.state.changes import (
    Change,
    Event,
    Id,
    Impression,
    ItemChange,
    Outcome,
    Request,
)
from shortlist.serving.state.engines import connect, writing
from shortlist.serving.state.writing import WRITERS

__all__ = ["Profile", "StateStore"]

_AT_ONCE = 500
_ROWS = 5_000


@dataclass(frozen=True)
class Profile:
    """What the state knows of a user.

    Attributes:
        items: the items of their events, oldest first.
        attributes: those last given, or None.
        erased: whether what the bundle knows of them must not be used.
    """

    items: tuple[Id, ...] = ()
    attributes: Mapping[str, Any] | None = None
    erased: bool = False


class StateStore:
    """Events, impressions, requests, users and items in SQLite or PostgreSQL.

    Safe to be used by several threads. What `write` returned for is on the disk.

    >>> import tempfile
    >>> from shortlist.serving.state import Event
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = StateStore.open(f"{folder}/state.db")
    ...     outcomes = store.write([Event("k1", "anna", "m7", "click", 1.0)] * 2)
    ...     print([o.value for o in outcomes], store.profiles(["anna"])["anna"].items)
    ...     store.close()
    ['stored', 'duplicate'] ('m7',)
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, place: str | Path) -> Self:
        """Open the state at ``place``, an SQLite file or a database's URL; it is made if new.

        Raises:
            ConfigError: it cannot be reached, or was made by a newer version.
            MissingDependencyError: the driver of PostgreSQL is not installed.
        """
        text = str(place)
        engine = connect(text if "://" in text else f"sqlite:///{Path(text).resolve()}")
        try:
            _prepare(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def write(self, changes: Sequence[Change]) -> list[Outcome]:
        """Store ``changes`` in their order, all in one transaction, and wait for the disk."""
        outcomes: list[Outcome] = []
        if not changes:
            return outcomes
        with writing(self._engine).begin() as connection:
            for kind, run in groupby(changes, key=type):
                outcomes += WRITERS[kind](connection, list(run))
        return outcomes

    def profiles(self, users: Sequence[Id], length: int = 200) -> dict[Id, Profile]:
        """What is known of those of ``users`` of whom anything is; the latest ``length`` items."""
        by_key = {encode_id(user): user for user in users}
        with self._engine.connect() as connection:
            kept = _kept(connection, list(by_key))
            events = _latest(connection, list(by_key), length)
        found = {}
        for key, user in by_key.items():
            if key in kept or key in events:
                attributes, erased = kept.get(key, (None, None))
                found[user] = Profile(
                    tuple(map(decode_id, events.get(key, ()))),
                    None if attributes is None else json.loads(attributes),
                    erased is not None,
                )
        return found

    def item_changes(self, after: int = 0) -> list[ItemChange]:
        """The changes of items with a number above ``after``, one an item, in their order."""
        table = tables.items
        asked = select(table).where(table.c.sequence > after).order_by(table.c.sequence)
        with self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        return [
            ItemChange(
                decode_id(row.item),
                None if row.attributes is None else json.loads(row.attributes),
                row.sequence,
            )
            for row in rows
        ]

    def request(self, name: str) -> Request | None:
        """The logged request of this id."""
        table = tables.requests
        with self._engine.connect() as connection:
            row = connection.execute(select(table).where(table.c.id == name)).first()
        return None if row is None else _request(row)

    def events(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Every event with a number above ``after``, with its number, in the order of storing."""
        for row in self._rows(tables.events, "id", after):
            yield (
                row.id,
                Event(
                    row.key,
                    decode_id(row.user),
                    decode_id(row.item),
                    row.type,
                    row.time,
                    row.value,
                    row.request,
                    json.loads(row.context),
                ),
            )

    def impressions(self) -> Iterator[Impression]:
        """Every impression, in the order of storing."""
        for row in self._rows(tables.impressions, "id", 0):
            yield Impression(
                row.key,
                row.request,
                None if row.user is None else decode_id(row.user),
                decode_id(row.item),
                row.position,
                row.time,
                row.propensity,
            )

    def requests(self) -> Iterator[Request]:
        """Every logged request, in the order of storing."""
        return map(_request, self._rows(tables.requests, "number", 0))

    def forget_requests(self, before: float) -> int:
        """Delete the log of requests older than ``before`` (seconds since 1970); how many.

        In parts, so that no other writer waits for long.
        """
        table, total = tables.requests, 0
        old = select(table.c.number).where(table.c.time < before).limit(_ROWS)
        while True:
            with writing(self._engine).begin() as connection:
                done = connection.execute(delete(table).where(table.c.number.in_(old))).rowcount
            total += done
            if done < _ROWS:
                return total

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _rows(self, table: sqlalchemy.Table, counter: str, after: int) -> Iterator[Any]:
        """All rows of a table, read in parts, so that no reader holds a transaction for long."""
        column = table.c[counter]
        while True:
            asked = select(table).where(column > after).order_by(column).limit(_ROWS)
            with self._engine.connect() as connection:
                rows = connection.execute(asked).all()
            if not rows:
                return
            yield from rows
            after = getattr(rows[-1], counter)


def _prepare(engine: Engine) -> None:
    """Make the tables and check their version."""
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            # Several servers may start on one new database at once.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7310447)")
        tables.metadata.create_all(connection)
        named = tables.meta.c.name == "schema_version"
        found = connection.execute(select(tables.meta.c.value).where(named)).scalar()
        if found is None:
            value = str(tables.SCHEMA_VERSION)
            connection.execute(tables.meta.insert(), {"name": "schema_version", "value": value})
        elif found != str(tables.SCHEMA_VERSION):
            raise ConfigError(
                f"The state has the schema version {found}; this version of shortlist works with "
                f"{tables.SCHEMA_VERSION}. Use the version that made it, or another state."
            )


def _kept(connection: Connection, keys: list[str]) -> dict[str, tuple[str | None, float | None]]:
    found = {}
    for start in range(0, len(keys), _AT_ONCE):
        asked = tables.users.c.user.in_(keys[start : start + _AT_ONCE])
        for row in connection.execute(select(tables.users).where(asked)):
            found[row.user] = (row.attributes, row.erased)
    return found


def _latest(connection: Connection, keys: list[str], length: int) -> dict[str, list[str]]:
    """The latest items of users, oldest first."""
    table = tables.events
    found: dict[str, list[str]] = {}
    for start in range(0, len(keys), _AT_ONCE):
        # Numbered from the latest within each user, so that a long past is not read.
        place = (
            sqlalchemy.func.row_number()
            .over(partition_by=table.c.user, order_by=table.c.id.desc())
            .label("place")
        )
        asked = table.c.user.in_(keys[start : start + _AT_ONCE])
        numbered = select(table.c.user, table.c.item, table.c.id, place).where(asked).subquery()
        latest = select(numbered.c.user, numbered.c.item).where(numbered.c.place <= length)
        for row in connection.execute(latest.order_by(numbered.c.id)):
            found.setdefault(row[0], []).append(row[1])
    return found


def _request(row: Any) -> Request:
    items, scores, propensities = json.loads(row.answer)
    return Request(
        row.id,
        row.time,
        row.model,
        None if row.user is None else decode_id(row.user),
        json.loads(row.asked),
        tuple(items),
        tuple(scores),
        tuple(propensities),
    )

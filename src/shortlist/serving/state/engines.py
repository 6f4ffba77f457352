"""Connections to SQLite and PostgreSQL that lose nothing they acknowledged."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url

from shortlist.errors import ConfigError, MissingDependencyError

__all__ = ["connect", "writing"]

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    # The log is on the disk before a commit returns.
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=5000",
    # What is deleted is written over, as it may be somebody's data.
    "PRAGMA secure_delete=ON",
)


def connect(url: str) -> Engine:
    """An engine for ``sqlite:///FILE`` or ``postgresql://...``.

    Raises:
        ConfigError: the URL is of neither kind, or its file or server cannot be reached.
        MissingDependencyError: the driver of PostgreSQL is not installed.
    """
    try:
        parsed = make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise ConfigError(
            "The state expected a file, sqlite:///FILE or postgresql://USER@HOST/NAME; the URL "
            "given is none."
        ) from error
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        engine = _sqlite(parsed)
    elif kind == "postgresql":
        engine = _postgresql(parsed)
    else:
        raise ConfigError(f"The state expected SQLite or PostgreSQL; received {kind!r}.")
    try:
        engine.connect().close()
    except sqlalchemy.exc.SQLAlchemyError as error:
        shown = parsed.render_as_string(hide_password=True)
        reason = str(getattr(error, "orig", error)).strip()
        raise ConfigError(
            f"The state {shown} cannot be opened: {reason}. Check the path, the address and the "
            "permissions."
        ) from error
    return engine


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder of the state {url.database} cannot be made: {error.strerror}. Name "
                "another place with --state."
            ) from error
    engine = sqlalchemy.create_engine(url, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        del record
        connection.isolation_level = None  # the driver begins late, and not at all for reads
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Who writes waits for the others now, and not between what it reads and what it writes.
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return engine.execution_options(writing=True)


def _postgresql(url: URL) -> Engine:
    if importlib.util.find_spec("psycopg") is None:
        raise MissingDependencyError.of("psycopg", "postgres", "State in PostgreSQL")
    # A server that was restarted is noticed before a connection to it is used.
    return sqlalchemy.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)

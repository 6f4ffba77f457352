"""The tables, for SQLite and PostgreSQL alike. Ids are JSON, so that 12 and "12" stay apart."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = [
    "SCHEMA_VERSION",
    "events",
    "impressions",
    "items",
    "meta",
    "metadata",
    "requests",
    "users",
]

SCHEMA_VERSION = 1

metadata = MetaData()
# SQLite counts by itself only in columns of this very type.
_Counter = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "shortlist_meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
events = Table(
    "shortlist_events",
    metadata,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("user", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("type", String(100), nullable=False),
    Column("time", Float(53), nullable=False),
    Column("value", Float(53)),
    Column("request", String(64)),
    Column("context", Text, nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Index("shortlist_events_of_user", "user", "id"),
)
impressions = Table(
    "shortlist_impressions",
    metadata,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("request", String(64)),
    Column("user", Text),
    Column("item", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("time", Float(53), nullable=False),
    Column("propensity", Float(53)),
    Index("shortlist_impressions_of_user", "user"),
)
requests = Table(
    "shortlist_requests",
    metadata,
    Column("number", _Counter, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("time", Float(53), nullable=False),
    Column("model", String(200), nullable=False),
    Column("user", Text),
    Column("asked", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Index("shortlist_requests_of_user", "user"),
    Index("shortlist_requests_by_time", "time"),
)
users = Table(
    "shortlist_users",
    metadata,
    Column("user", Text, primary_key=True),
    Column("attributes", Text),
    Column("erased", Float(53)),
)
items = Table(
    "shortlist_items",
    metadata,
    Column("item", Text, primary_key=True),
    Column("attributes", Text),
    Column("sequence", BigInteger, nullable=False),
    Index("shortlist_items_by_sequence", "sequence"),
)

"""Attributes as columns of PostgreSQL."""

from __future__ import annotations

import polars as pl

from shortlist.errors import SchemaError

__all__ = ["sql_kinds"]

_KINDS: tuple[tuple[pl.DataType | type[pl.DataType], str], ...] = (
    (pl.Boolean, "boolean"),
    (pl.String, "text"),
    (pl.Float64, "double precision"),
    (pl.Date, "date"),
    (pl.List(pl.String), "text[]"),
    (pl.List(pl.Int64), "bigint[]"),
    (pl.List(pl.Float64), "double precision[]"),
)


def sql_kinds(schema: pl.Schema) -> dict[str, str]:
    """The kind of column for each attribute.

    Raises:
        SchemaError: PostgreSQL has none for it.
    """
    found = {}
    for name, kind in schema.items():
        if kind.is_integer() or kind == pl.Null:
            found[name] = "bigint"
            continue
        wide = pl.Float64 if kind.is_float() else kind
        if isinstance(wide, pl.List) and wide.inner.is_integer():
            wide = pl.List(pl.Int64)
        match = [sql for known, sql in _KINDS if wide == known]
        if not match:
            raise SchemaError(
                f"The attribute {name!r} is of the kind {kind}, which PgVector cannot hold. Cast "
                "it to integers, floats, strings, booleans, dates, or lists of the first three."
            )
        found[name] = match[0]
    return found

"""Ids and attributes as points of Qdrant."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import polars as pl

from shortlist.errors import DataError, SchemaError

__all__ = ["attributes_of", "field", "named", "point_id", "value_of"]

_FIELDS: tuple[tuple[Any, str], ...] = (
    (pl.Boolean, "bool"),
    (pl.String, "keyword"),
    (pl.Float64, "float"),
    (pl.Int64, "integer"),
)


def point_id(value: Any) -> int | str:
    """What Qdrant calls the point of an id: it takes whole numbers from 0 up, and UUIDs."""
    if isinstance(value, int):
        return value % 2**64
    told = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return str(uuid.UUID(bytes=hashlib.blake2b(told, digest_size=16).digest()))


def named(value: Any, kind: str) -> dict[str, Any]:
    """What has to be kept of an id that the name of the point does not tell."""
    if kind == "bigint":
        return {}
    return {"id": value.hex() if kind == "bytea" else value}


def value_of(point: Any, kind: str) -> Any:
    """The id of a point that was found, as the index encodes it."""
    if kind == "bigint":
        return point.id - 2**64 if point.id >= 2**63 else point.id
    found = point.payload["id"]
    return bytes.fromhex(found) if kind == "bytea" else found


def field(name: str, kind: Any) -> str:
    """What Qdrant calls an attribute's kind.

    Raises:
        SchemaError: it has none for it.
    """
    inner = kind.inner if isinstance(kind, pl.List) else kind
    if inner.is_integer() or inner == pl.Null:
        inner = pl.Int64
    elif inner.is_float():
        inner = pl.Float64
    match = [called for known, called in _FIELDS if inner == known]
    if not match or kind == pl.List(pl.Boolean):
        raise SchemaError(
            f"The attribute {name!r} is of the kind {kind}, which Qdrant cannot hold. Cast it to "
            "integers, floats, strings, booleans, or lists of the first three."
        )
    return match[0]


def attributes_of(frame: pl.DataFrame | None) -> list[dict[str, Any]]:
    """The attributes of each item, nulls for what is missing; nothing where there are none.

    Raises:
        DataError: a number is NaN or infinite, which JSON does not have.
    """
    if frame is None:
        return []
    for series in frame:
        flat = series.explode() if isinstance(series.dtype, pl.List) else series
        wrong = flat.is_not_null() & ~flat.is_finite() if flat.dtype.is_float() else None
        if wrong is not None and wrong.any():
            raise DataError(
                f"Expected attributes of finite numbers, since Qdrant holds no others; "
                f"{series.name!r} holds {flat.filter(wrong)[0]}. Make it null."
            )
    return [
        {name: _without_nulls(value) for name, value in row.items()} for row in frame.to_dicts()
    ]


def _without_nulls(value: Any) -> Any:
    # A list with a null in it would count as missing.
    return [v for v in value if v is not None] if isinstance(value, list) else value

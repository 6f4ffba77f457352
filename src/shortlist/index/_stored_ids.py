"""Ids as a database holds them: integers, texts or bytes as they are, anything else as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from shortlist.errors import DataError

__all__ = ["decode", "encode", "id_kind", "unknown"]

_INT64 = range(-(2**63), 2**63)


def id_kind(ids: Sequence[Any]) -> str:
    """The kind of column that holds ``ids``: ``bigint``, ``text``, ``bytea`` or ``json``."""
    for kind in ("bigint", "text", "bytea"):
        if None not in encode(ids, kind):
            return kind
    return "json"


def encode(ids: Iterable[Any], kind: str) -> list[Any]:
    """``ids`` as values of a column; None for those it cannot hold.

    >>> encode([3, "a", ("x", 1)], "bigint"), encode([None, ("x", 1)], "json")
    ([3, None, None], ['null', '["x",1]'])
    """
    if kind == "bigint":
        return [i if type(i) is int and i in _INT64 else None for i in ids]
    if kind == "text":
        return [i if type(i) is str and "\0" not in i else None for i in ids]
    if kind == "bytea":
        return [i if type(i) is bytes else None for i in ids]
    return [_json(i) for i in ids]


def decode(value: Any, kind: str) -> Any:
    """The id of a column's value.

    >>> decode('["x",1]', "json")
    ('x', 1)
    """
    if kind == "bytea":
        return bytes(value)
    return _tuples(json.loads(value)) if kind == "json" else value


def unknown(ids: Sequence[Any], values: Sequence[Any], kind: str) -> DataError:
    """The error for ids that a column cannot hold."""
    wrong = next(i for i, value in zip(ids, values, strict=True) if value is None)
    return DataError(
        f"Expected ids of the kind the index was built with ({kind}); received {wrong!r}. Build "
        "the index anew to hold ids of several kinds: numbers, strings, None and tuples of these."
    )


def _json(value: Any) -> str | None:
    if not _plain(value):
        return None
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_plain, value))
    if isinstance(value, float):
        return value - value == 0  # neither NaN nor infinite
    return value is None or type(value) in (bool, int, str)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value

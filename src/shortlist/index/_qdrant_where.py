"""A condition on attributes as a filter of Qdrant, in the form of its REST interface.

The grammar and what a missing attribute means are those of `matching`. Qdrant knows no third truth
value beside true and false: so "not" is carried inward to the comparisons, and the opposite of a
comparison asks for a value that is there. Missing values are stored as nulls for that.
"""

from __future__ import annotations

import ast
from typing import Any

import polars as pl

from shortlist.errors import ConfigError
from shortlist.index.where import passing

__all__ = ["where_filter"]

_RANGES: dict[type[ast.cmpop], str] = {ast.Lt: "lt", ast.LtE: "lte", ast.Gt: "gt", ast.GtE: "gte"}
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
}
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
_NEVER: dict[str, Any] = {"has_id": []}
_INT64 = range(-(2**63), 2**63)
# Qdrant compares numbers as doubles, which hold whole numbers up to here.
_EXACT = 2**53


def where_filter(where: str, schema: pl.Schema) -> dict[str, Any]:
    """A filter, as JSON.

    Raises:
        ConfigError, SchemaError: as `matching`; and what Qdrant cannot compare.

    >>> where_filter("1990 <= year and not sold", pl.Schema({"year": pl.Int64, "sold": pl.Boolean}))
    {'must': [{'key': 'attributes.year', 'range': {'gte': 1990}}, \
{'key': 'attributes.sold', 'match': {'value': False}}]}
    """
    # Read once by the code that defines what a condition is, which refuses what it must.
    passing(where, schema.to_frame())
    found = _Reader(where, schema).filter(ast.parse(where.strip(), mode="eval").body, yes=True)
    return found if {"must", "should", "must_not"} & found.keys() else {"must": [found]}


class _Reader:
    def __init__(self, where: str, schema: pl.Schema) -> None:
        self.where = where
        self.schema = schema

    def filter(self, node: ast.expr, *, yes: bool) -> dict[str, Any]:
        """What meets ``node``, or if not ``yes`` what meets its opposite."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                every = isinstance(op, ast.And) is yes
                return {"must" if every else "should": [self.filter(p, yes=yes) for p in parts]}
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.filter(operand, yes=not yes)
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [left, *others]
                found = [
                    self._comparison(sides[place], type(op), sides[place + 1], yes=yes)
                    for place, op in enumerate(ops)
                ]
                return found[0] if len(found) == 1 else {"must" if yes else "should": found}
            case ast.Name(id=name):
                return _match(name, yes)
        raise self._refused()

    def _comparison(
        self, left: ast.expr, op: type[ast.cmpop], right: ast.expr, *, yes: bool
    ) -> dict[str, Any]:
        if op in (ast.In, ast.NotIn):
            return self._membership(left, right, yes=(op is ast.In) is yes)
        if isinstance(right, ast.Name):
            left, right, op = right, left, _TURNED[op]
        if not isinstance(left, ast.Name) or isinstance(right, ast.Name):
            raise self._refused()
        name, value, op = left.id, ast.literal_eval(right), op if yes else _OPPOSITE[op]
        if op is ast.Eq:
            return self._equal(name, self.schema[name], value)
        if op is ast.NotEq:
            return _opposite(name, self._equal(name, self.schema[name], value))
        if not _is_number(self.schema[name]) or isinstance(value, str):
            raise self._refused()
        if isinstance(value, int) and abs(value) >= _EXACT:
            raise self._refused()
        return _range(name, {_RANGES[op]: value})

    def _membership(self, left: ast.expr, right: ast.expr, *, yes: bool) -> dict[str, Any]:
        if isinstance(right, ast.Name):
            kind = self.schema[right.id]
            if not isinstance(kind, pl.List):
                raise self._refused()
            name, found = right.id, self._equal(right.id, kind.inner, ast.literal_eval(left))
        elif isinstance(left, ast.Name):
            name, values = left.id, ast.literal_eval(right)
            each = [self._equal(name, self.schema[name], v) for v in values if v is not None]
            found = {"should": each} if each else _NEVER
        else:
            raise self._refused()
        return found if yes else _opposite(name, found)

    def _equal(self, name: str, kind: Any, value: Any) -> dict[str, Any]:
        if kind == pl.Boolean:
            if value not in (0, 1):
                raise self._refused()
            return _match(name, bool(value))
        if kind == pl.String:
            if not isinstance(value, str):
                raise self._refused()
            return _match(name, value)
        if not _is_number(kind) or not isinstance(value, int | float):
            raise self._refused()
        if isinstance(value, float) or kind.is_float():
            return _range(name, {"gte": float(value), "lte": float(value)})
        return _match(name, int(value)) if value in _INT64 else _NEVER

    def _refused(self) -> ConfigError:
        return ConfigError(
            f"Qdrant cannot answer the condition {self.where!r}. It compares a column with a value "
            "and not with another column, orders numbers below 2**53 and not texts, and holds no "
            "other kinds. Use `shortlist.index.matching` and pass the ids as `allow`."
        )


def _is_number(kind: Any) -> bool:
    return bool(kind.is_numeric() or kind == pl.Null)


def _key(name: str) -> str:
    return f"attributes.{name}"


def _match(name: str, value: Any) -> dict[str, Any]:
    return {"key": _key(name), "match": {"value": value}}


def _range(name: str, ends: dict[str, Any]) -> dict[str, Any]:
    return {"key": _key(name), "range": ends}


def _opposite(name: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"must_not": [found, {"is_null": {"key": _key(name)}}]}

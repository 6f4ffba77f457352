"""A condition on attributes as SQL, which PostgreSQL answers by its own indexes.

The grammar and what a missing attribute means are those of `matching`; SQL has the same logic of
three values. Names are quoted and values are sent apart from the text, so nothing is run as code.
"""

from __future__ import annotations

import ast
from typing import Any

import polars as pl

from shortlist.index.where import passing

__all__ = ["where_sql"]

_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "=",
    ast.NotEq: "<>",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def where_sql(where: str, schema: pl.Schema) -> tuple[str, list[Any]]:
    """SQL with a ``%s`` for each of the values.

    Raises:
        ConfigError, SchemaError: as `matching`.

    >>> where_sql('year >= 1990 and not sold', pl.Schema({"year": pl.Int64, "sold": pl.Boolean}))
    ('("a_year" >= %s AND (NOT "a_sold"))', [1990])
    """
    # Read once by the code that defines what a condition is, which refuses what it must.
    passing(where, schema.to_frame())
    values: list[Any] = []
    return _sql(ast.parse(where.strip(), mode="eval").body, values), values


def column(name: str) -> str:
    """An attribute's column, which cannot be mistaken for another."""
    return '"a_' + name.replace('"', '""').replace("%", "%%") + '"'


def _sql(node: ast.expr, values: list[Any]) -> str:
    match node:
        case ast.BoolOp(op=op, values=parts):
            word = " AND " if isinstance(op, ast.And) else " OR "
            return "(" + word.join(_sql(part, values) for part in parts) + ")"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"(NOT {_sql(operand, values)})"
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [left, *others]
            found = [
                _comparison(sides[place], op, sides[place + 1], values)
                for place, op in enumerate(ops)
            ]
            return found[0] if len(found) == 1 else "(" + " AND ".join(found) + ")"
    return _side(node, values)


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr, values: list[Any]) -> str:
    if isinstance(op, ast.In | ast.NotIn):
        if isinstance(right, ast.Name):
            found = f"{_side(left, values)} = ANY({_side(right, values)})"
        else:
            side = _side(left, values)
            values.append(list(ast.literal_eval(right)))
            found = f"{side} = ANY(%s)"
        return f"(NOT {found})" if isinstance(op, ast.NotIn) else found
    return f"{_side(left, values)} {_SIGNS[type(op)]} {_side(right, values)}"


def _side(node: ast.expr, values: list[Any]) -> str:
    if isinstance(node, ast.Name):
        return column(node.id)
    values.append(ast.literal_eval(node))
    return "%s"

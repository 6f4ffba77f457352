"""Conditions on the attributes of items, as the ids that `Index.search` may return.

allow = matching('genre == "Comedy" and year >= 1990 and in_stock', items)
index.search(queries, k=100, allow=allow)
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, SchemaError, nearest

__all__ = ["matching", "passing"]

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], pl.Expr]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_HELP = (
    "A condition is made of columns, values, ==, !=, <, <=, >, >=, in, not in, and, or, not "
    "and brackets, such as 'genre == \"Comedy\" and year >= 1990 and in_stock'."
)


def matching(where: str, items: pl.DataFrame, *, item: str = "item") -> np.ndarray:
    """The ids of the items that meet a condition, to be passed to `Index.search` as ``allow``.

    The condition is parsed and never run as code. A missing attribute meets no comparison, nor
    the opposite of one. ``"Comedy" in genres`` asks whether a column of lists has a value.

    Args:
        where: the condition; names are columns of ``items``.
        items: a row for every item.
        item: the column of ids.

    Returns:
        A flat array of ids, in the order of ``items``.

    Raises:
        ConfigError: the condition cannot be read, or compares a column with a value of another
            kind.
        SchemaError: there is no such column, or a column stands alone that is not boolean.

    >>> items = pl.DataFrame({"item": [1, 2, 3], "year": [1985, 1994, None]})
    >>> matching("year >= 1990", items).tolist()
    [2]
    """
    _column(item, items.schema)
    return items[item].filter(passing(where, items)).to_numpy()


def passing(where: str, items: pl.DataFrame) -> pl.Series:
    """Which rows of ``items`` meet a condition, bool; see `matching`."""
    if not isinstance(where, str):
        raise ConfigError(f"Expected a condition as a string; received {where!r}. {_HELP}")
    try:
        tree = ast.parse(where.strip(), mode="eval").body
        mask = items.select(_condition(tree, items.schema).fill_null(value=False))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ConfigError | SchemaError):
            raise
        raise ConfigError(f"Could not read the condition {where!r}: {error}. {_HELP}") from None
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise ConfigError(
            f"The condition {where!r} does not fit the kinds of its columns: {error}. {_HELP}"
        ) from None
    return mask.to_series()


def _condition(node: ast.expr, schema: pl.Schema) -> pl.Expr:
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = [_condition(value, schema) for value in values]
            combine = operator.and_ if isinstance(op, ast.And) else operator.or_
            result = parts[0]
            for part in parts[1:]:
                result = combine(result, part)
            return result
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~_condition(operand, schema)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [left, *others]
            result = _comparison(sides[0], ops[0], sides[1], schema)
            for place, comparison in enumerate(ops[1:], 1):
                result = result & _comparison(sides[place], comparison, sides[place + 1], schema)
            return result
        case ast.Name(id=name):
            if _column(name, schema) != pl.Boolean:
                raise SchemaError(
                    f"Expected column {name!r} to be boolean, as it stands alone in the "
                    f"condition; it is {schema[name]}. Compare it with a value."
                )
            return pl.col(name)
    raise _unreadable(node)


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr, schema: pl.Schema) -> pl.Expr:
    if isinstance(op, ast.In | ast.NotIn):
        found = _membership(left, right, schema)
        return ~found if isinstance(op, ast.NotIn) else found
    if type(op) not in _COMPARISONS or not any(isinstance(s, ast.Name) for s in (left, right)):
        raise _unreadable(left)
    return _COMPARISONS[type(op)](_side(left, schema), _side(right, schema))


def _membership(left: ast.expr, right: ast.expr, schema: pl.Schema) -> pl.Expr:
    if isinstance(right, ast.Name):
        if not isinstance(_column(right.id, schema), pl.List):
            raise SchemaError(
                f"Expected column {right.id!r} to hold lists, as it stands after 'in'; "
                f"it is {schema[right.id]}."
            )
        return pl.col(right.id).list.contains(pl.lit(_value(left)))
    values = _value(right)
    if not isinstance(left, ast.Name) or not isinstance(values, list | tuple | set):
        raise _unreadable(right)
    return _side(left, schema).is_in(list(values))


def _side(node: ast.expr, schema: pl.Schema) -> pl.Expr:
    if isinstance(node, ast.Name):
        _column(node.id, schema)
        return pl.col(node.id)
    value = _value(node)
    if not isinstance(value, str | int | float):
        raise _unreadable(node)
    return pl.lit(value)


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise _unreadable(node) from None


def _column(name: str, schema: pl.Schema) -> pl.DataType:
    if name not in schema:
        raise SchemaError(
            f"There is no column {name!r} among the attributes.{nearest(name, schema)} "
            f"There are: {', '.join(schema)}."
        )
    return schema[name]


def _unreadable(node: ast.expr) -> ConfigError:
    return ConfigError(f"The condition cannot hold {ast.unparse(node)!r} there. {_HELP}")

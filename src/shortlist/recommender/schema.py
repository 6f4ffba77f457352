"""From nested tables to frozen dataclasses, with errors that say what was expected.

A section is a dataclass; its annotations are the schema. `build` makes one from a mapping such as
a parsed TOML file, `check` and `positive` are what the sections test their ranges with.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Oven:
...     degrees: float = 180.0
>>> build(Oven, {"degrees": 200}).degrees
200.0
>>> build(Oven, {"degres": 200})
Traceback (most recent call last):
    ...
shortlist.errors.ConfigError: Unknown key `degres`. Did you mean 'degrees'? Known: degrees.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from shortlist.errors import ConfigError, nearest

__all__ = ["build", "check", "positive"]


def build(cls: type, values: Mapping[str, Any], section: str = "") -> Any:
    """Make the dataclass ``cls`` from a table; fields that are dataclasses are sub-tables.

    Raises:
        ConfigError: an unknown key (the nearest known one is named) or a value of the wrong kind.
    """
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]
    for key in values:
        if key not in names:
            is_section = not section and isinstance(values[key], Mapping)
            what = f"section [{key}]" if is_section else f"key `{key}`"
            what += f" in [{section}]" if section else ""
            raise ConfigError(f"Unknown {what}.{nearest(key, names)} Known: {', '.join(names)}.")
    return cls(**{key: _convert(hints[key], value, section, key) for key, value in values.items()})


def check(section: str, key: str, value: Any, good: bool, expected: str) -> None:
    """Raise a `ConfigError` that names the key, unless ``value`` is ``good``."""
    if not good:
        raise ConfigError(f"`{key}` in [{section}] expected {expected}; received {value!r}.")


def positive(section: str, key: str, value: float) -> None:
    """Raise a `ConfigError` unless ``value`` is a finite number above 0."""
    check(section, key, value, 0 < value < math.inf, "a number above 0")


def _convert(kind: Any, value: Any, section: str, key: str) -> Any:
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ConfigError(f"[{key}] is a section; received `{key} = {value!r}`.")
        return build(typing.cast("type", kind), value, key)
    where = f"`{key}` in [{section}]" if section else f"`{key}`"
    if not _fits(kind, value):
        raise ConfigError(f"{where} expected {_describe(kind)}; received {value!r}.")
    if isinstance(value, list):
        return tuple(value)
    return float(value) if kind is float else value


def _fits(kind: Any, value: Any) -> bool:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(option, value) for option in typing.get_args(kind))
    if origin is Literal:
        return value in typing.get_args(kind)
    if origin is tuple:
        item = typing.get_args(kind)[0]
        return isinstance(value, list | tuple) and all(_fits(item, entry) for entry in value)
    if origin is not None:  # a mapping; TOML's keys are always texts
        of = typing.get_args(kind)[1]
        return isinstance(value, origin) and all(_fits(of, entry) for entry in value.values())
    if kind is Any:
        return True
    accepted = (int, float) if kind is float else kind
    return isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))


# What a value of each kind is called, and several of them.
_NAMES = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    bool: ("true or false", "true or false"),
    Any: ("anything", "anything"),
}


def _describe(kind: Any, *, many: bool = False) -> str:
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(a) for a in arguments if a is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(repr(a) for a in arguments)
    if origin is tuple:
        return f"a list of {_describe(arguments[0], many=True)}"
    if origin is not None:
        of = "" if arguments[1] is Any else f" of {_describe(arguments[1], many=True)}"
        return ("tables" if many else "a table") + of
    return _NAMES[kind][many]

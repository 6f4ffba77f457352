from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from shortlist.errors import ConfigError
from shortlist.recommender.schema import build, check, positive


@dataclass(frozen=True)
class Inner:
    whole: int = 1
    number: float = 1.0
    text: str | None = None
    flag: bool = False
    choice: Literal["a", "b"] = "a"
    names: tuple[str, ...] | None = None
    steps: tuple[Mapping[str, Any], ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outer:
    inner: Inner
    seed: int = 0


def test_builds_nested_tables_and_makes_lists_tuples_and_numbers_floats() -> None:
    outer = build(
        Outer, {"inner": {"number": 2, "names": ["x"], "steps": [{"name": "mmr"}]}, "seed": 7}
    )
    assert outer == Outer(Inner(number=2.0, names=("x",), steps=({"name": "mmr"},)), 7)
    assert isinstance(outer.inner.number, float)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("whole", 1.5, "a whole number"),
        ("whole", True, "a whole number"),
        ("whole", "1", "a whole number"),
        ("number", "1", "a number"),
        ("number", True, "a number"),
        ("text", 1, "a text"),
        ("flag", 1, "true or false"),
        ("choice", "c", "one of 'a', 'b'"),
        ("choice", ["a"], "one of 'a', 'b'"),
        ("names", "x", "a list of texts"),
        ("names", [1], "a list of texts"),
        ("steps", [1], "a list of tables"),
        ("kinds", {"price": 1}, "a table of texts"),
        ("kinds", ["log"], "a table of texts"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(key: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build(Outer, {"inner": {key: value}})
    assert str(raised.value) == f"`{key}` in [inner] expected {expected}; received {value!r}."


def test_unknown_names_are_called_what_they_are() -> None:
    for tables, message in (
        ({"inner": {"txt": ""}}, "Unknown key `txt` in [inner]. Did you mean 'text'? Known: whole"),
        ({"iner": {}}, "Unknown section [iner]. Did you mean 'inner'? Known: inner, seed."),
        ({"sed": 1}, "Unknown key `sed`. Did you mean 'seed'? Known: inner, seed."),
        ({"zzzzz": 1}, "Unknown key `zzzzz`. Known: inner, seed."),
    ):
        with pytest.raises(ConfigError) as raised:
            build(Outer, tables)
        assert str(raised.value).startswith(message)


def test_a_value_in_place_of_a_section_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"\[inner\] is a section; received `inner = 3`"):
        build(Outer, {"inner": 3})


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_positive_means_finite_and_above_zero(value: float) -> None:
    with pytest.raises(ConfigError, match=r"`rate` in \[oven\] expected a number above 0"):
        positive("oven", "rate", value)


def test_check_lets_what_is_good_pass() -> None:
    check("oven", "rate", 1, True, "anything")
    positive("oven", "rate", 1e-9)

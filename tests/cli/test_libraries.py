from __future__ import annotations

import importlib.metadata
import shlex
import sys

import pytest

from shortlist.cli import libraries as module
from shortlist.cli.libraries import Library, libraries, older

LINES = [
    "keras>=3.15.1; extra == 'jax'",
    "jax>=0.5; extra == 'jax'",
    "keras>=3.15.1; extra == 'torch'",
    'torch>=2.6; extra == "torch"',
    "numpy>=2.0",
    "pytest>=8; extra == 'test'",
    "shortlist[jax,tensorflow]; extra == 'test'",
]


def install(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: LINES)
    monkeypatch.setattr(module, "_version", versions.get)


def test_the_list_is_what_the_package_says_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, {"numpy": "2.4.0", "keras": "3.9.0", "jax": "0.10.2"})
    found = libraries()
    assert [(part.name, part.extra, part.version) for part in found] == [
        ("numpy", None, "2.4.0"),
        ("keras", "jax", "3.9.0"),
        ("jax", "jax", "0.10.2"),
        ("torch", "torch", None),
    ]
    assert [part.name for part in found if part.too_old] == ["keras"]


def test_the_command_is_for_the_python_that_runs() -> None:
    words = shlex.split(Library("torch", "torch", ">=2.6", None).command)
    assert words == [sys.executable, "-m", "pip", "install", "shortlist[torch]"]
    words = shlex.split(Library("numpy", None, ">=2.0", "1.26").command)
    assert words[-1] == "numpy>=2.0"


def test_the_installed_package_names_its_backends() -> None:
    found = {part.name: part for part in libraries()}
    assert {"numpy", "polars", "keras", "jax", "tensorflow", "torch"} <= set(found)
    assert found["numpy"].version == importlib.metadata.version("numpy")
    assert not {"pytest", "ruff", "shortlist"} & set(found)


@pytest.mark.parametrize(
    ("version", "bound", "expected"),
    [
        ("2.13.0+cpu", "2.6", False),
        ("2.5", "2.6", True),
        ("0.10.2", "0.5", False),
        ("0.4.38", "0.5", True),
        ("3.15", "3.15.1", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, bound: str, expected: bool) -> None:
    assert older(version, bound) == expected

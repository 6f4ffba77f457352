from __future__ import annotations

import importlib.util
import json
import os
import sys
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from shortlist._backend.select import choose_backend
from shortlist.errors import ConfigError, MissingDependencyError


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a process that has not met Keras yet, with no wish stated anywhere."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    # Set before it is deleted, or what a test sets would stay in the environment.
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


def install(monkeypatch: pytest.MonkeyPatch, names: Iterable[str]) -> None:
    installed = set(names)
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: object() if n in installed else None)


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        (["jax", "tensorflow", "torch"], "jax"),
        (["torch", "tensorflow"], "tensorflow"),
        (["torch"], "torch"),
    ],
)
def test_the_first_installed_backend_is_chosen(
    monkeypatch: pytest.MonkeyPatch, installed: list[str], expected: str
) -> None:
    install(monkeypatch, ["keras", *installed])
    choice = choose_backend()
    assert choice.name == os.environ["KERAS_BACKEND"] == expected
    assert "first installed" in choice.reason
    assert choose_backend().name == expected


def test_the_file_that_keras_writes_by_itself_is_no_wish(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, ["keras", "jax"])
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "tensorflow"}))
    assert choose_backend().name == "jax"


def test_another_backend_in_the_file_is_a_wish(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, ["keras", "jax", "torch"])
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "torch"}))
    choice = choose_backend()
    assert choice.name == "torch"
    assert "keras.json" in choice.reason


@pytest.mark.parametrize("text", ["", "{", "[]", '{"backend": 3}', "{}"])
def test_a_damaged_file_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    install(monkeypatch, ["keras", "jax"])
    (tmp_path / "keras.json").write_text(text)
    assert choose_backend().name == "jax"


def test_the_environment_has_the_last_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, ["keras", "jax", "tensorflow", "torch"])
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "torch"}))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    choice = choose_backend()
    assert choice == ("tensorflow", "KERAS_BACKEND names it")
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_a_misspelt_backend_is_named_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ["keras", "jax"])
    monkeypatch.setenv("KERAS_BACKEND", "tensorflwo")
    with pytest.raises(ConfigError, match=r"received 'tensorflwo'.*Did you mean 'tensorflow'\?"):
        choose_backend()


@pytest.mark.parametrize("installed", [["keras"], ["jax"], []])
def test_what_is_missing_is_named_with_the_command(
    monkeypatch: pytest.MonkeyPatch, installed: list[str]
) -> None:
    install(monkeypatch, installed)
    with pytest.raises(MissingDependencyError, match=r"pip install 'shortlist\[jax\]'"):
        choose_backend()


def test_a_backend_asked_for_and_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ["keras", "jax"])
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(MissingDependencyError, match=r"pip install 'shortlist\[torch\]'"):
        choose_backend()


def test_nothing_is_chosen_once_keras_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: Any = types.SimpleNamespace(config=types.SimpleNamespace(backend=lambda: "torch"))
    monkeypatch.setitem(sys.modules, "keras", loaded)
    assert choose_backend().name == "torch"
    assert "KERAS_BACKEND" not in os.environ

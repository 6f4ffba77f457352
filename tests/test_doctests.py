"""The examples in the docstrings run and give what they say."""

from __future__ import annotations

import doctest
import importlib
import os
from pathlib import Path

import pytest

import shortlist

SOURCE = Path(shortlist.__file__).parent
KERAS_ZONES = {"_backend", "layers", "losses", "models", "ranking", "tasks", "tfrs", "training"}
KERAS_METRICS = {"factorized_top_k", "in_lists", "streaming"}


def examples() -> list[pytest.ParameterSet]:
    """Every module with an example; those that may need Keras run again under each backend."""
    found = []
    for file in sorted(SOURCE.rglob("*.py")):
        if ">>> " not in file.read_text(encoding="utf-8"):
            continue
        parts = file.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(("shortlist", *parts)).removesuffix(".__init__")
        keras = parts[0] in KERAS_ZONES or parts[-1] in KERAS_METRICS
        found.append(pytest.param(name, marks=[pytest.mark.backend] if keras else [], id=name))
    return found


def of_another_backend(name: str) -> bool:
    """Whether this is the native code, or the namespace, of a backend not running now."""
    package, _, file = name.removeprefix("shortlist.").partition(".")
    native = file if package == "_backend" and file in {"jax", "tensorflow", "torch"} else None
    return native is not None and native != os.environ.get("KERAS_BACKEND", "jax")


@pytest.mark.parametrize("name", examples())
def test_the_examples_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if of_another_backend(name):
        pytest.skip("the native code of another backend")
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0, capsys.readouterr().out
    assert result.attempted > 0

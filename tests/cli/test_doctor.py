from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from shortlist import __version__
from shortlist.cli import doctor as module
from shortlist.cli.libraries import Library
from shortlist.errors import MissingDependencyError

PROBED = '{"backend": "jax", "right": true, "devices": ["cpu:0"], "seconds": 1.5}'


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Answer for the child process that tries the backend."""

    def answer(stdout: str = PROBED, stderr: str = "", code: int = 0) -> None:
        choice = SimpleNamespace(name="jax", reason="it is the first installed")
        monkeypatch.setitem(sys.modules, "shortlist._backend", SimpleNamespace(CHOICE=choice))
        done = subprocess.CompletedProcess([], code, stdout, stderr)
        monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: done)

    return answer


def test_a_healthy_machine(cli: Callable[..., Any], probe: Callable[..., None]) -> None:
    probe()
    ended = cli("doctor")
    assert ended.code == 0
    assert ended.out.split()[:2] == ["shortlist", __version__]
    assert platform.python_version() in ended.out
    assert "jax on cpu:0: works (it is the first installed)" in ended.out
    assert "GiB" in ended.out
    assert ended.err == ""


def test_json_holds_the_same(cli: Callable[..., Any], probe: Callable[..., None]) -> None:
    probe()
    found = cli("doctor", "--json").json
    assert found["shortlist"] == __version__
    assert found["libraries"]["numpy"]
    assert found["backend"]["works"] is True
    assert found["backend"]["devices"] == ["cpu:0"]
    assert found["machine"]["usable_cores"] >= 1


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"stdout": "", "stderr": "x\nImportError: no", "code": 1}, "code 1: ImportError: no"),
        ({"stdout": "", "code": -4}, "It ended with signal 4: it said nothing"),
        ({"stdout": PROBED.replace("true", "false")}, "Expected jax to give 9"),
        ({"stdout": PROBED.replace('"jax"', '"torch"')}, "Expected jax to give 9"),
    ],
)
def test_a_backend_that_does_not_work_is_found_out(
    cli: Callable[..., Any], probe: Callable[..., None], answer: dict[str, Any], problem: str
) -> None:
    probe(**answer)
    ended = cli("doctor")
    assert ended.code == 6
    assert "does not work" in ended.out
    assert problem in ended.out


def test_a_missing_backend_is_said_with_the_command(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Missing:
        @property
        def CHOICE(self) -> Any:  # noqa: N802
            raise MissingDependencyError.of("jax", "jax", "Keras")

    monkeypatch.setitem(sys.modules, "shortlist._backend", Missing())
    ended = cli("doctor", "--json")
    assert ended.code == 6
    assert "pip install 'shortlist[jax]'" in ended.json["backend"]["problem"]


def test_what_is_missing_or_too_old_comes_with_its_command(
    cli: Callable[..., Any], probe: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    probe()
    missing = Library("torch", "torch", ">=2.6", None)
    old = Library("keras", "jax", ">=3.15.1", "3.9.0")
    monkeypatch.setattr(module, "libraries", lambda: [missing, old])
    ended = cli("doctor")
    assert ended.code == 0
    assert f"torch (not installed)\n    {missing.command}" in ended.out
    assert f"keras (3.9.0, needs >=3.15.1)\n    {old.command}" in ended.out


@pytest.mark.backend
def test_the_backend_of_this_run_really_works() -> None:
    found = module.examine_backend()
    assert found["works"], found["problem"]
    assert found["name"] in {"jax", "tensorflow", "torch"}

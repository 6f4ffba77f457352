from __future__ import annotations

from pathlib import Path

import pytest

from shortlist.cli import machine
from shortlist.cli.machine import look_at_machine


def test_the_machine_has_cores_and_memory() -> None:
    found = look_at_machine()
    assert 1 <= found.usable_cores <= found.cores
    assert found.memory is None or found.memory > 2**20
    if found.memory is not None and found.available_memory is not None:
        assert found.available_memory <= found.memory


def test_a_container_has_what_it_was_granted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text(f"{2**26}\n")
    (tmp_path / "memory.current").write_text(f"{2**25}\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    found = look_at_machine()
    assert found.usable_cores == 1
    assert found.memory == 2**26
    assert found.available_memory == 2**25


def test_a_container_without_limits_has_the_whole_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = look_at_machine()
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert look_at_machine().memory == whole.memory


def test_thread_variables_are_reported_where_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in machine.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert look_at_machine().threads == {"OMP_NUM_THREADS": "3"}

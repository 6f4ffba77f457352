from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from benchmarks import environments
from benchmarks.environments import TFRS, Peer, environment, peers_folder

PEER = Peer("other", ("other==1.0",))


@pytest.fixture
def commands(monkeypatch):
    """What would be run; making a virtual environment only makes its interpreter's place."""
    run: list[list[str]] = []

    def fake(command, **_):
        run.append(command)
        if "venv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        failed = fake.fails and "pip" in command
        return subprocess.CompletedProcess(command, int(failed))

    fake.fails = False
    monkeypatch.setattr(environments.subprocess, "run", fake)
    run.append(fake)
    return run


def test_an_environment_is_made_once(commands, tmp_path):
    python = environment(PEER, tmp_path)
    assert python == tmp_path / "other" / "bin" / "python"
    made = len(commands)
    assert commands[-1][-1] == "other==1.0"
    assert environment(PEER, tmp_path) == python
    assert len(commands) == made


def test_one_that_is_there_already_is_used_as_it_is(commands, tmp_path):
    python = tmp_path / "other" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert environment(PEER, tmp_path) == python
    assert len(commands) == 1


def test_one_that_was_not_finished_is_made_again(commands, tmp_path):
    commands[0].fails = True
    with pytest.raises(RuntimeError, match=r"other==1\.0"):
        environment(PEER, tmp_path)
    made = len(commands)
    commands[0].fails = False
    environment(PEER, tmp_path)
    assert len(commands) > made


def test_the_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCHMARKS_PEERS", str(tmp_path))
    assert peers_folder() == tmp_path
    monkeypatch.delenv("BENCHMARKS_PEERS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert peers_folder() == tmp_path / "cache" / "shortlist" / "benchmarks"


def test_versions_are_those_installed_here_without_their_build(monkeypatch):
    monkeypatch.setattr(environments.importlib.metadata, "version", lambda _: "2.13.0+cpu")
    assert environments._as_here("torch") == "torch==2.13.0"
    assert "tensorflow-recommenders==0.7.7" in TFRS.requirements

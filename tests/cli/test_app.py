from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shortlist import __version__
from shortlist.cli import failures

COMMANDS = ("quickstart", "train", "evaluate", "recommend", "doctor")
ROOT = Path(__file__).parents[2]


def test_the_version(cli: Callable[..., Any]) -> None:
    assert cli("--version") == (0, f"shortlist {__version__}\n", "")


def test_help_names_every_command(cli: Callable[..., Any]) -> None:
    ended = cli("--help")
    assert ended.code == 0
    assert all(command in ended.out for command in COMMANDS)
    assert cli().code in {0, 2}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_json_and_debug(cli: Callable[..., Any], command: str) -> None:
    ended = cli(command, "--help")
    assert ended.code == 0
    assert "--json" in ended.out
    assert "--debug" in ended.out
    assert ended.err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "No such command 'trian'"),
        (["train"], "Missing argument"),
        (["train", "a.toml", "--ot", "x"], "No such option"),
        (["recommend", "b", "--user", "1", "-k", "ten"], "Invalid value for '-k'"),
        (["recommend", "b"], "Expected --user or --history or both"),
        (["recommend", "b", "-u", "1", "-u", "2", "--history", "3"], "--history goes with one"),
        (["quickstart", "--epochs", "0"], "Invalid value for '--epochs'"),
        (["train", "missing.toml"], "No configuration file at missing.toml"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    cli: Callable[..., Any], words: list[str], message: str
) -> None:
    ended = cli(*words)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("Error: ")
    assert message in ended.err
    assert "Traceback" not in ended.err
    as_json = cli(*words, "--json")
    assert as_json.code == 2
    assert message in as_json.json["error"]["message"]


def test_what_follows_a_double_dash_is_no_option(cli: Callable[..., Any]) -> None:
    ended = cli("train", "--", "--json")
    assert ended.code == 2
    assert ended.out == ""
    assert "No configuration file at --json" in ended.err


def test_an_interrupt_ends_in_130_without_a_traceback(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shortlist.recommender.config.Config.from_toml", interrupted)
    ended = cli("train", "job.toml", "--json")
    assert ended.code == 130
    assert ended.json["error"]["kind"] == "Interrupted"
    assert ended.err == "Error: Interrupted. Nothing half-written was left behind.\n"


def test_a_bug_is_one_line_and_with_debug_a_traceback(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("shortlist.recommender.config.Config.from_toml", broken)
    ended = cli("train", "job.toml")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Error: ZeroDivisionError: division by zero.")
    assert len(ended.err.splitlines()) == 1
    ended = cli("train", "job.toml", "--debug")
    assert ended.code == 1
    assert "Traceback" in ended.err


def test_the_documentation_has_every_command_and_exit_code() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"shortlist {command}" in page
    table = (failures.__doc__ or "").splitlines()
    codes = [line.split()[0] for line in table if line[:1].isdigit()]
    assert codes
    for code in codes:
        assert f"| {code} |" in page

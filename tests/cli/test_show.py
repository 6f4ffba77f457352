from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from shortlist.cli.show import nearby, show_facts, show_recommendations


def shown(function: object, *values: object) -> list[str]:
    file = io.StringIO()
    function(Console(file=file, width=120, markup=False, highlight=False), *values)  # type: ignore[operator]
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_facts_are_a_line_each_with_readable_numbers() -> None:
    facts = {
        "rows": 100000,
        "density": 0.0630467,
        "first_time": 874724710,
        "last_time": 20260101,
        "weight_time": None,
    }
    assert shown(show_facts, facts) == [
        "rows         100,000",
        "density      0.06305",
        "first time   1997-09-20 03:05 UTC",
        "last time    20,260,101",
        "weight time  none",
    ]


def test_recommendations_are_numbered_with_their_titles() -> None:
    rows = [
        {"item": 50, "title": "Star Wars (1977)", "score": 1.25},
        {"item": 1, "title": "[REC]", "score": -0.5},
    ]
    assert shown(show_recommendations, rows) == [
        " 1.  1.250   50  Star Wars (1977)",
        " 2.  -0.500  1   [REC]",
    ]


def test_a_path_below_the_working_directory_is_shown_from_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert nearby(tmp_path / "bundles" / "1") == Path("bundles") / "1"
    assert nearby(tmp_path.parent / "1") == tmp_path.parent / "1"

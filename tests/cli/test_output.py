from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.cli.output import emit, plain, write_json

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(values)
def test_anything_becomes_json_and_finite_values_stay_what_they_are(value: Any) -> None:
    def defined(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {key: defined(inner) for key, inner in entry.items()}
        if isinstance(entry, list):
            return [defined(inner) for inner in entry]
        return None if isinstance(entry, float) and not np.isfinite(entry) else entry

    assert json.loads(json.dumps(plain(value), allow_nan=False)) == defined(value)


def test_arrays_paths_and_dates_become_what_a_script_can_read() -> None:
    found = plain(
        {
            "ids": np.array([3, 1]),
            "score": np.float32(0.5),
            "count": np.int64(2),
            "seen": np.True_,
            "bundle": Path("bundles") / "1",
            "at": datetime.date(1998, 4, 22),
            12: (np.nan, np.inf),
        }
    )
    assert found == {
        "ids": [3, 1],
        "score": 0.5,
        "count": 2,
        "seen": True,
        "bundle": str(Path("bundles") / "1"),
        "at": "1998-04-22",
        "12": [None, None],
    }


def test_json_is_one_object_and_keeps_every_digit(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"ndcg@10": 0.1 + 0.2, "title": "Amélie"}
    write_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert out.isascii()


def test_a_line_for_a_person_is_not_cut_off_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    long = "Monty Python " * 20
    emit({}, lambda console: console.print(long))
    assert capsys.readouterr().out.strip() == long.strip()


def test_square_brackets_in_a_title_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    emit({}, lambda console: console.print("[REC] (2007)"))
    assert capsys.readouterr().out == "[REC] (2007)\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(("option", "expected"), [("--help", 7), ("--json", 2)])
def test_one_error_is_reported_where_stdout_is_full(
    option: str, expected: int, unbuffered: str
) -> None:
    code = f"from shortlist.cli import main\nmain(['train', 'missing.toml', {option!r}])"
    with Path("/dev/full").open("w") as full:
        child = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            text=True,
            check=False,
            timeout=60,
        )
    assert child.stderr.startswith("Error: ")
    assert len(child.stderr.splitlines()) == 1
    assert child.returncode == expected


@pytest.mark.skipif(sys.platform == "win32", reason="pipes close in another way there")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("option", ["--json", "--debug"])
def test_a_reader_that_stops_reading_is_no_error(option: str, unbuffered: str) -> None:
    code = (
        "from shortlist.cli import app, doctor, main\n"
        "doctor.examine = lambda debug: {'rows': ['x' * 100] * 10_000, 'backend': {}}\n"
        "doctor._show = lambda console, found: [console.print(r) for r in found['rows']]\n"
        f"main(['doctor', {option!r}])\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.read(10)
    child.stdout.close()
    complaint = child.stderr.read()
    child.stderr.close()
    assert child.wait(60) == 141
    assert complaint == b""

from __future__ import annotations

import json

import pytest
from benchmarks.comparison import Line, compared, table
from benchmarks.processes import Measured

OURS = Measured(cpu=2.0, wall=3.0, peak=100.0, versions={"keras": "3.15.1"}, found={})
THEIRS = Measured(cpu=8.0, wall=9.0, peak=200.0, versions={"tf-keras": "2.21.0"}, found={})


def test_a_line_of_json_has_the_ratio_and_both_sides_versions():
    line = compared("train-step", "small", OURS, "TFRS", THEIRS, unit="s", per=2, at_most=0.3)
    found = json.loads(line.json())
    assert found["benchmark"] == "train-step"
    assert found["case"] == "small"
    assert (found["ours"], found["peer"], found["theirs"]) == (1.0, "TFRS", 4.0)
    assert found["ratio"] == 0.25
    assert found["holds"] is True
    assert (found["ours_wall"], found["theirs_wall"]) == (1.5, 4.5)
    assert (found["ours_peak_mb"], found["theirs_peak_mb"]) == (100.0, 200.0)
    assert found["versions"] == {"ours": {"keras": "3.15.1"}, "theirs": {"tf-keras": "2.21.0"}}


@pytest.mark.parametrize(
    ("bars", "holds"),
    [
        ({}, None),
        ({"at_most": 0.5}, True),
        ({"at_most": 0.4}, False),
        ({"at_least": 1.0}, True),
        ({"at_least": 1.1}, False),
        ({"at_most": 0.4, "at_least": 1.0}, False),
        ({"below": 1.0}, True),
        ({"below": 0.9}, False),
    ],
)
def test_a_bar_holds_up_to_the_bar_itself(bars, holds):
    assert Line("b", "c", 1.0, "peer", 2.0, "s", **bars).holds is holds


def test_a_peer_that_took_no_time_has_an_infinite_ratio():
    assert Line("b", "c", 1.0, "peer", 0.0, "s").ratio == float("inf")


def test_a_table_has_a_row_a_line_in_straight_columns():
    lines = [
        Line("b", "first", 1.0, "TFRS", 2.0, "s of CPU", at_most=0.4),
        Line("b", "the second", 0.25, "Keras on jax", 0.5, "s of CPU"),
    ]
    head, *rows = table(lines).splitlines()
    assert len(rows) == 2
    for name in ("ours", "theirs", "ratio"):
        end = head.index(name) + len(name)
        assert all(row[end - 1] != " " and row[end] == " " for row in rows)
    assert "ratio <= 0.4" in rows[0]
    assert "MISSED" in rows[0]
    assert "MISSED" not in rows[1]

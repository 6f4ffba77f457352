from __future__ import annotations

import pytest


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text('[data]\ndataset = "synthetic"\n')
    return str(path)


def test_a_plan_that_fits(cli, job):
    shown = cli("plan", job, "--devices", "8", "--memory", "16GB")
    assert shown.code == 0
    assert "candidate_tower/item_embedding" in shown.out
    assert "It fits: many_devices(shards=1)" in shown.out
    found = cli("plan", job, "--devices", "8", "--memory", "16GB", "--json").json
    assert found["fits"]
    assert found["missing"] == 0
    assert found["traffic"]["total"] > found["traffic"]["updates"] > 0


def test_a_plan_that_does_not_fit_ends_with_1(cli, job):
    words = ("plan", job, "--devices", "8", "--memory", "1GiB", "--users", "1000000000")
    shown = cli(*words, "--items", "1000000")
    assert shown.code == 1
    assert "too little" in shown.err
    assert "What would help: " in shown.err
    said = cli(*words, "--items", "1000000", "--json")
    assert said.code == 1
    assert said.json["missing"] > 0
    assert said.json["message"] in " ".join(shown.err.split("\n"))


def test_undivided_tables_and_options(cli, job):
    given = ("--users", "99999", "--items", "200000", "--shards", "8", "--min-rows", "50000")
    shown = cli("plan", job, "--devices", "8", "--memory", "1GB", *given)
    assert shown.code == 0
    assert "Note: neither the 200,001 rows of candidate_bias" in shown.out
    assert "many_devices(shards=8, min_rows=50000)" in shown.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--devices", "8", "--memory", "16"), "names no unit"),
        (("--devices", "0", "--memory", "16GB"), "devices expected"),
        (("--devices", "x", "--memory", "16GB"), "--devices"),
        (("--devices", "8"), "--memory"),
        (("--memory", "8GB"), "--devices"),
        (("--devices", "8", "--memory", "16GB", "--shards", "5"), "a divisor"),
    ],
)
def test_wrong_options_end_with_2(cli, job, words, said):
    ended = cli("plan", job, *words)
    assert ended.code == 2
    assert said in ended.err


def test_a_wrong_file_ends_with_2(cli, tmp_path):
    ended = cli("plan", str(tmp_path / "none.toml"), "--devices", "8", "--memory", "1GB")
    assert ended.code == 2
    assert "No configuration file" in ended.err

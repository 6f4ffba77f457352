from __future__ import annotations

import builtins
import json

import numpy as np
import polars as pl
import pytest

from shortlist.comparison import contenders

FILE = """
[data]
interactions = "events.csv"
[split]
method = "user-time"
[compare]
models = ["item-knn", "ease"]
ks = [1, 5]
metric = "recall@5"
trials = 0
folder = "out"
"""


@pytest.fixture
def file(tmp_path):
    draw = np.random.default_rng(0)
    events = pl.DataFrame(
        {"user": draw.integers(0, 30, 500), "item": draw.integers(0, 20, 500), "time": range(500)}
    )
    events.unique(["user", "item"], maintain_order=True).write_csv(tmp_path / "events.csv")
    path = tmp_path / "c.toml"
    path.write_text(FILE)
    return path


def test_a_table_the_verdicts_and_a_page(cli, file):
    ended = cli("compare", str(file))
    assert ended.code == 0, ended.err
    assert "recall@5" in ended.out.splitlines()[1]
    assert "ease" in ended.out.splitlines()[0]
    assert " on recall@5: " in ended.out
    assert "The report: " in ended.out
    assert "item-knn" in ended.err
    assert sorted(p.name for p in (file.parent / "out" / "1").iterdir()) == [
        "comparison.json", "manifest.json", "per_user.json", "report.html"
    ]  # fmt: skip


def test_everything_for_machines(cli, file, tmp_path):
    found = cli("compare", str(file), "--json", "--out", str(tmp_path / "else")).json
    assert found["folder"] == str(tmp_path / "else" / "1")
    written = json.loads((tmp_path / "else" / "1" / "comparison.json").read_text())
    assert written["comparisons"] == found["comparisons"]
    assert set(found["evaluation"]["metrics"]) == {"popularity", "item-knn", "ease"}
    assert found["tuned"]["ease"]["trials"] == 0
    assert found["seconds"]["total"] > 0


def test_without_the_library_that_tunes_the_extra_is_named_and_0_trials_work(
    cli, file, monkeypatch
):
    real = builtins.__import__

    def without(name, *more):
        if name == "optuna":
            raise ImportError(name, name=name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    ended = cli("compare", str(file), "--trials", "2")
    assert ended.code == 6
    assert "pip install 'shortlist[tune]'" in ended.err
    assert not (file.parent / "out").exists()
    assert cli("compare", str(file)).code == 0


def test_a_wrong_file_is_said_before_anything_is_read(cli, file):
    file.write_text(FILE.replace("trials", "trails"))
    ended = cli("compare", str(file))
    assert ended.code == 2
    assert "Unknown key `trails` in [compare]. Did you mean 'trials'?" in ended.err


def test_an_interruption_leaves_no_half_written_report(cli, file, monkeypatch):
    def interrupted(material, options):
        raise KeyboardInterrupt

    real = contenders.CONTENDERS["ease"]
    fake = contenders.Contender(interrupted, real.options)
    monkeypatch.setitem(contenders.CONTENDERS, "ease", fake)
    assert cli("compare", str(file)).code == 130
    assert not (file.parent / "out").exists()

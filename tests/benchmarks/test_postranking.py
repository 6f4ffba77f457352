from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks import __main__ as program
from benchmarks import diversity
from benchmarks.processes import Measured
from benchmarks.settings import Settings


def test_a_quick_run_measures_every_method(capsys):
    assert program.main(["postranking", "--quick", "--json", "--cores", "1"]) in (0, 1)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    cases = [line["case"] for line in lines]
    for name in ("MMR", "DPP", "DPP, window 10", "SSD, window 10", "AttributeCap", "Rules"):
        assert f"{name}, one user" in cases
        assert f"{name}, 20 users in one call" in cases
    assert all(line["ours"] > 0 for line in lines)


@pytest.fixture
def swept(monkeypatch):
    """The answer of a worker, and what it was asked."""
    ratios = {
        f"{metric}{end}": value
        for metric, value in (("ndcg", 0.99), ("diversity", 1.25), ("genres", 1.01))
        for end in ("", "_low", "_high")
    }
    rows = [
        {"method": "MMR", "trade_off": 0.5, **ratios},
        {"method": "MMR", "chosen": [0.5, 0.6], **ratios},
    ]
    cases = [
        {"protocol": name, "users": 3, "ndcg": 0.2, "diversity": 0.3, "rows": rows}
        for name in ("by_time", "random")
    ]
    points = [{"value": v, "ndcg": v / 2, "diversity": 1 - v, "genres": 0.7} for v in (0.2, 1.0)]
    pictures = [{"method": name, "points": points} for name in ("mmr", "calibrated")]
    asked = []

    def interleave(sides, *_, **__):
        asked.append(sides[0].options)
        return {"ours": Measured(1.0, 1.0, 1.0, {}, {"protocols": cases, "pictures": pictures})}

    monkeypatch.setattr(diversity, "interleave", interleave)
    return asked


def test_bars_stand_on_what_others_chose_and_not_on_a_random_split(swept):
    lines = {line.case: line for line in diversity.run(Settings(Path(), Path()))}
    assert lines["by_time, MMR chosen (0.5 and 0.6), diversity"].holds
    assert lines["by_time, MMR chosen (0.5 and 0.6), ndcg"].holds
    assert lines["by_time, MMR 0.5, ndcg"].holds is None
    assert lines["random, MMR chosen (0.5 and 0.6), ndcg"].holds is None
    assert swept[0]["pictures"] == ""


def test_pictures_are_drawn_where_they_are_wanted(swept, tmp_path):
    folder = tmp_path / "pictures"
    list(diversity.run(Settings(Path(), Path(), pictures=folder)))
    names = [path.name for path in sorted(folder.iterdir())]
    assert names == ["postranking_calibrated.svg", "postranking_mmr.svg"]
    assert "MMR by its trade_off" in (folder / names[1]).read_text(encoding="utf-8")

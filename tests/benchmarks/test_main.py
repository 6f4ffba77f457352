from __future__ import annotations

import json

import pytest
from benchmarks import __main__ as program
from benchmarks.comparison import Line


@pytest.fixture
def fake(monkeypatch):
    """A benchmark of two lines, which keeps its settings."""
    seen = []

    def run(settings):
        """Compare nothing."""
        seen.append(settings)
        yield Line("fake", "good", 1.0, "TFRS", 4.0, "s", at_most=0.5)
        yield Line("fake", "bad", 3.0, "TFRS", 4.0, "s", at_most=0.5)

    monkeypatch.setitem(program.BENCHMARKS, "train-step", run)
    return seen


def test_without_a_name_the_benchmarks_are_listed(capsys):
    assert program.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(program.BENCHMARKS)
    assert all(len(line.split()) > 3 for line in lines)


def test_json_is_a_line_a_case_and_nothing_else(fake, capsys):
    assert program.main(["train-step", "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ratio"] for line in lines] == [0.25, 0.75]
    assert {"benchmark", "case", "ours", "peer", "theirs", "ratio", "versions"} <= set(lines[0])


def test_options_reach_the_benchmark(fake, tmp_path, capsys):
    arguments = ["train-step", "--cores", "1", "--backend", "jax", "--rounds", "3"]
    program.main([*arguments, "--only", "torch", "--peers", str(tmp_path)])
    (settings,) = fake
    assert [len(cores) for cores in settings.cores] == [1]
    assert settings.backends == ["jax"]
    assert settings.count(9) == 3
    assert settings.peers == tmp_path
    assert settings.wants("on torch")
    assert not settings.wants("on jax")
    assert "MISSED" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["no-such"], ["train-step", "--cores", "0"]])
def test_wrong_arguments_are_refused(wrong, capsys):
    with pytest.raises(SystemExit) as raised:
        program.main(wrong)
    assert raised.value.code != 0

from __future__ import annotations

import builtins
import os

import pytest

from shortlist.comparison.contenders import CONTENDERS, Contender
from shortlist.comparison.spaces import Choice, Range
from shortlist.comparison.tuning import Tuner
from shortlist.errors import MissingDependencyError, TrainingError
from shortlist.recommender.config import Config

SPACE = {"a": Range(0.0, 1.0), "n": Range(1, 9, log=True), "c": Choice(("x", "y"))}
BEGIN = {"a": 0.5, "n": 3, "c": "y"}
PLAIN = Contender(lambda material, options: None, dict, SPACE)


def tuner(path, trials=4, seconds=None):
    return Tuner(path / "t.sqlite", trials=trials, seconds=seconds, seed=0)


def test_nothing_is_tried_without_a_budget_or_a_space(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *more):
        if name == "optuna":
            raise ImportError(name, name=name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    fixed = {"a": 0.1}
    assert tuner(tmp_path, 0).tune(PLAIN, "p", BEGIN, fixed, None).options == fixed
    whole = {"a": 0.1, "n": 2, "c": "x"}
    assert tuner(tmp_path).tune(PLAIN, "p", BEGIN, whole, None).options == whole
    assert not list(tmp_path.iterdir())
    with pytest.raises(MissingDependencyError, match=r"shortlist\[tune\]"):
        tuner(tmp_path).tune(PLAIN, "p", BEGIN, {}, None)


def test_the_first_trial_is_what_the_model_has_of_itself(tmp_path):
    pytest.importorskip("optuna")
    asked, told = [], []

    def score(options):
        asked.append(options)
        return -abs(options["a"] - 0.5)

    found = tuner(tmp_path).tune(PLAIN, "p", BEGIN, {"c": "x"}, score, lambda *n: told.append(n))
    assert asked[0] == {"a": 0.5, "n": 3, "c": "x"}
    assert all(one["c"] == "x" and 1 <= one["n"] <= 9 for one in asked)
    assert (found.options, found.value) == (asked[0], 0.0)
    assert (found.trials, found.pruned) == (4, 0)
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_an_interrupted_budget_goes_on_and_is_never_exceeded(tmp_path):
    pytest.importorskip("optuna")
    asked = []

    def score(options):
        asked.append(options)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return options["a"]

    with pytest.raises(KeyboardInterrupt):
        tuner(tmp_path).tune(PLAIN, "p", BEGIN, {}, score)
    found = tuner(tmp_path).tune(PLAIN, "p", BEGIN, {}, score)
    assert len(asked) == 5
    assert len({str(one) for one in asked}) == 5
    assert found.trials == 4
    again = tuner(tmp_path).tune(PLAIN, "p", BEGIN, {}, score)
    assert len(asked) == 5
    assert again == found
    tuner(tmp_path, trials=1).tune(PLAIN, "another", BEGIN, {}, score)
    assert len(asked) == 6


def test_a_folder_may_have_any_name(tmp_path):
    pytest.importorskip("optuna")
    folder = tmp_path / ("a b&d%20#é" if os.name == "nt" else "a b?c=1&d%20#é")
    tuner(folder, trials=1).tune(PLAIN, "p", BEGIN, {}, lambda options: 0.0)
    assert (folder / "t.sqlite").stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_time_is_a_budget_too(tmp_path):
    pytest.importorskip("optuna")
    found = tuner(tmp_path, seconds=1e-9).tune(PLAIN, "p", BEGIN, {}, lambda options: 0.0)
    assert found.trials == 1


def test_bad_trials_are_given_up_after_a_quarter_of_the_epochs(tmp_path):
    pytest.importorskip("optuna")
    learner = Contender(PLAIN.fit, dict, {"a": Range(0.0, 1.0)}, epochs=True)
    begin = {"a": 0.9, "epochs": 8}
    asked = []

    def score(options):
        asked.append(options.get("epochs", 8))
        return options["a"]

    found = tuner(tmp_path, trials=8).tune(learner, "p", begin, {}, score)
    assert asked[:2] == [2, 8]
    assert found.pruned > 0
    assert found.trials + found.pruned == 8
    assert asked.count(2) == 8
    assert asked.count(8) == found.trials
    assert "epochs" not in found.options


def test_a_trial_that_cannot_go_on_is_no_result(tmp_path):
    pytest.importorskip("optuna")

    def score(options):
        raise TrainingError("The loss is no number.")

    found = tuner(tmp_path, trials=2).tune(PLAIN, "p", BEGIN, {}, score)
    assert (found.options, found.value, found.trials) == ({}, None, 0)


@pytest.mark.parametrize("name", CONTENDERS)
def test_spaces_are_of_options_and_hold_the_defaults(name):
    contender = CONTENDERS[name]
    defaults = contender.defaults(Config.from_dict({"data": {"dataset": "synthetic"}}))
    for key, where in contender.space.items():
        assert where.holds(defaults[key]), key
    assert contender.epochs <= ("epochs" in defaults)

"""A comparison under every protocol: what is tuned on, what is asked and what is reported."""

from __future__ import annotations

import json

import numpy as np
import pytest

from shortlist.comparison import ComparisonConfig, ComparisonJob, contenders
from shortlist.comparison.contenders import Contender
from shortlist.data import LeakWarning
from shortlist.datasets import Dataset, synthetic
from shortlist.errors import ConfigError, DataError
from shortlist.recommender import source
from shortlist.recommender.splitting import split_all

FOLDS = ["a", "b", "c"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    data = synthetic(users=40, items=30, interactions=500, seed=1)
    log = data.interactions

    class Folds(dict):
        def __getitem__(self, name):
            test = np.arange(len(log)) % len(FOLDS) == FOLDS.index(name)
            from shortlist.data import Split

            return Split(log.filter(~test), None, log.filter(test), name, f"Part {name} is test.")

    folds = Folds(dict.fromkeys(FOLDS))
    made = Dataset("synthetic", log, data.users, data.items, data.source, folds)
    monkeypatch.setattr(source, "synthetic", lambda: made)
    return tmp_path


def config_of(folder, method, *, trials=0, models=("item-knn", "ease"), more=None, **split):
    compare = {"models": list(models), "trials": trials, "ks": [1, 5, 10]}
    values = {
        "data": {"dataset": "synthetic"},
        "split": {"method": method, **split},
        "compare": compare | (more or {}),
    }
    return ComparisonConfig.from_dict(values).anchored(folder)


def spied(monkeypatch):
    """Keep what EASE is fitted on."""
    seen, real = [], contenders.CONTENDERS["ease"]

    def fit(material, options):
        seen.append((set(material.train.frame.select("user", "item").iter_rows()), dict(options)))
        return real.fit(material, options)

    monkeypatch.setitem(contenders.CONTENDERS, "ease", Contender(fit, real.options, real.space))
    return seen


@pytest.mark.filterwarnings("ignore::shortlist.data.LeakWarning")
@pytest.mark.parametrize(
    ("method", "rounds"),
    [
        ("time", 1),
        ("windows", 3),
        ("user-time", 1),
        ("last-out", 1),
        ("held-out-users", 1),
        ("folds", 3),
        ("random", 1),
        ("user-random", 1),
    ],
)
def test_every_protocol_is_tuned_on_train_alone(folder, method, rounds, monkeypatch):
    pytest.importorskip("optuna")
    config = config_of(folder, method, trials=2, models=["ease"])
    parts = list(split_all(source.load(config.data), config.split).values())
    seen = spied(monkeypatch)
    study = ComparisonJob(config).run().study
    trials = 2 if method == "windows" else 2 * rounds
    assert len(seen) == trials + rounds
    trained = [set(part.train.frame.select("user", "item").iter_rows()) for part in parts]
    fitted = [rows for rows, _ in seen]
    if method == "windows":
        # Options are chosen before the first window begins, and kept.
        assert all(rows < trained[0] for rows in fitted[:2])
        assert fitted[2:] == trained
        assert len({json.dumps(options) for _, options in seen[2:]}) == 1
        assert set(study.tuned) == {"ease"}
    else:
        for number, rows in enumerate(trained):
            assert all(tried < rows for tried in fitted[3 * number : 3 * number + 2])
            assert fitted[3 * number + 2] == rows
        names = [f"ease, {name}" for name in FOLDS] if method == "folds" else ["ease"]
        assert list(study.tuned) == names
    assert study.report.models == ["popularity", "ease"]
    assert study.comparisons[0].metric == "ndcg@10"


def test_windows_are_trained_anew_and_their_figures_are_replicates(folder):
    stages = []
    wanted = {"segments": ["segment"], "categories": "genres"}
    config = config_of(folder, "windows", windows=2, test=0.15, more=wanted)
    compared = ComparisonJob(config, stages.append).run()
    names = [stage.name for stage in stages]
    assert names == [
        "data",
        "item-knn, window 1",
        "ease, window 1",
        "evaluation, window 1",
        "item-knn, window 2",
        "ease, window 2",
        "evaluation, window 2",
        "report",
    ]
    report = compared.study.report
    assert set(report.rounds.tolist()) == {"window 1", "window 2"}
    assert len(set(report.users.tolist())) < len(report.users)
    page = (compared.folder / "report.html").read_text(encoding="utf-8")
    assert "ndcg@10 over the rounds" in page
    found = json.loads((compared.folder / "comparison.json").read_text())
    assert set(found["evaluation"]["rounds"]) == {"window 1", "window 2"}
    values = json.loads((compared.folder / "per_user.json").read_text())
    assert values["rounds"] == report.rounds.tolist()
    assert len(values["metrics"]["ease"]["ndcg@10"]) == len(values["users"])


def test_seeds_and_windows_together(folder):
    options = {"options": {"bpr": {"epochs": 2, "embedding_dim": 4}}, "seeds": 2}
    config = config_of(folder, "windows", windows=2, test=0.15, models=["bpr"], more=options)
    study = ComparisonJob(config).run().study
    assert len(study.spreads["bpr"].values) == 2
    assert study.spreads["bpr"].deviation > 0
    assert study.report.metrics["bpr"]["ndcg@10"] == pytest.approx(study.spreads["bpr"].mean)


def test_held_out_users_are_asked_by_their_history(folder):
    study = ComparisonJob(config_of(folder, "held-out-users", fold_in=0.6)).run().study
    assert study.report.counts["cold_users"] == 0
    assert (study.report.activity > 0).all()
    assert study.report.metrics["ease"]["recall@10"] > 0


def test_cold_users_and_items_are_reported_apart(folder):
    compared = ComparisonJob(config_of(folder, "time", test=0.5)).run()
    report = compared.study.report
    assert report.counts["cold_users"] > 0
    page = (compared.folder / "report.html").read_text(encoding="utf-8")
    for text in ("nothing is known of them", "known from before", "not in train"):
        assert text in page
    assert {"known_users", "cold_users"} <= report.to_dict().keys()


def test_a_model_that_fails_in_a_later_window_is_left_out_of_all(folder, monkeypatch):
    real, fitted = contenders.CONTENDERS["ease"], []

    def fit(material, options):
        fitted.append(len(material.train))
        if len(fitted) == 2:
            raise DataError("too many items")
        return real.fit(material, options)

    monkeypatch.setitem(contenders.CONTENDERS, "ease", Contender(fit, real.options))
    study = ComparisonJob(config_of(folder, "windows")).run().study
    assert study.report.models == ["popularity", "item-knn"]
    assert study.left_out == {"ease": "window 2: too many items"}
    assert len(fitted) == 2


def test_leaks_of_all_folds_are_kept_and_said_once(folder):
    with pytest.warns(LeakWarning) as told:
        report = ComparisonJob(config_of(folder, "folds")).run().study.report
    assert len(told) == 1
    assert [leak.split(":")[0] for leak in report.leaks] == FOLDS


def test_folds_of_data_that_have_none_are_an_error(folder, monkeypatch):
    monkeypatch.setattr(source, "synthetic", synthetic)
    with pytest.raises(ConfigError, match="comes with folds"):
        ComparisonJob(config_of(folder, "folds")).run()
    assert not (folder / "shortlist-comparisons").exists()

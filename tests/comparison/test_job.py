from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from shortlist.baselines import Popularity
from shortlist.bundle import read_folder
from shortlist.comparison import ComparisonConfig, ComparisonJob, contenders
from shortlist.comparison.contenders import Contender
from shortlist.comparison.cost import measured
from shortlist.errors import ConfigError, DataError, SchemaError
from shortlist.ranked import Ranked


@pytest.fixture
def files(tmp_path):
    draw = np.random.default_rng(0)
    users, items = draw.integers(0, 60, 1500), (draw.beta(0.6, 2, 1500) * 40).astype(int)
    events = pl.DataFrame({"user": users, "item": items, "time": np.arange(1500)})
    events.unique(["user", "item"], maintain_order=True).write_csv(tmp_path / "events.csv")
    pl.DataFrame(
        {
            "user": range(60),
            "age": range(20, 80),
            "town": ["x", "y", None] * 20,
        }
    ).write_csv(tmp_path / "users.csv")
    pl.DataFrame(
        {
            "item": range(40),
            "title": [f"Item <{item}>" for item in range(40)],
            "genre": ["war", "love"] * 20,
        }
    ).write_csv(tmp_path / "items.csv")
    return tmp_path


def config_of(folder, **compare):
    asked = {"models": ["item-knn", "ease"], "trials": 0, "ks": [1, 5, 10], **compare}
    data = {"interactions": "events.csv", "users": "users.csv", "items": "items.csv"}
    values = {"data": data, "split": {"method": "user-time"}, "compare": asked}
    return ComparisonConfig.from_dict(values).anchored(folder)


def test_a_comparison_from_files_to_a_page(files):
    wanted = {"segments": ["age", "town"], "categories": "genre", "users": [3, "7"]}
    stages = []
    compared = ComparisonJob(config_of(files, **wanted), stages.append).run()
    report = compared.study.report
    assert [s.name for s in stages] == ["data", "item-knn", "ease", "evaluation", "report"]
    assert report.models == ["popularity", "item-knn", "ease"]
    assert set(compared.study.costs) == {"item-knn", "ease"}
    folder = read_folder(compared.folder, kind="comparison")
    page = (compared.folder / "report.html").read_text(encoding="utf-8")
    assert "Item &lt;" in page
    assert "Item <" not in page
    for text in ("by age of", "by town of", "unknown (", "diversity@10", "<h3>User 3,"):
        assert text in page
    values = json.loads((compared.folder / "per_user.json").read_text())
    assert values["users"] == report.users.tolist()
    assert values["metrics"]["ease"]["ndcg@10"] == report.per_user["ease"]["ndcg@10"].tolist()
    found = folder.read_json("comparison.json")
    assert found["config"]["compare"]["models"] == ["item-knn", "ease"]
    assert [(c["model"], c["other"]) for c in found["comparisons"]] == [
        ("item-knn", "popularity"), ("ease", "popularity"), ("ease", "item-knn")
    ]  # fmt: skip
    lists = [example.lists["ease"] for example in compared.study.examples]
    assert [example.user for example in compared.study.examples] == [3, 7]
    assert all(place.title.startswith("Item <") for places in lists for place in places)
    again = ComparisonJob(config_of(files, **wanted)).run()
    assert again.folder.name == "2"
    assert again.study.report.metrics == report.metrics


def test_tuning_never_sees_the_test_part(files, monkeypatch):
    pytest.importorskip("optuna")
    seen = []
    real = contenders.CONTENDERS["ease"]

    def spy(material, options):
        seen.append((len(material.train), options))
        return real.fit(material, options)

    fake = Contender(spy, real.options, real.space)
    monkeypatch.setitem(contenders.CONTENDERS, "ease", fake)
    compared = ComparisonJob(config_of(files, models=["ease"], trials=3)).run()
    *trials, (size, last) = seen
    assert len(trials) == 3
    assert all(length < size for length, _ in trials)
    assert trials[0][1] == {"regularization": 300.0}
    assert compared.study.tuned["ease"].options == last
    assert compared.study.tuned["ease"].trials == 3
    assert (files / "shortlist-comparisons" / "default" / "tuning.sqlite").exists()
    seen.clear()
    ComparisonJob(config_of(files, models=["ease"], trials=3)).run()
    assert [options for _, options in seen] == [last]


def test_seeds_are_replicates_of_what_draws(files):
    options = {"bpr": {"epochs": 3, "embedding_dim": 4}}
    models = ["ease", "bpr"]
    one = ComparisonJob(config_of(files, models=models, options=options)).run().study
    study = ComparisonJob(config_of(files, models=models, options=options, seeds=3)).run().study
    ease, bpr = study.spreads["ease"], study.spreads["bpr"]
    assert ease.deviation == 0.0
    assert len(set(bpr.values)) == 3
    assert bpr.values[0] == one.report.metrics["bpr"]["ndcg@10"]
    assert study.report.metrics["bpr"]["ndcg@10"] == pytest.approx(np.mean(bpr.values))
    assert len(one.spreads["bpr"].values) == 1


def test_a_model_that_does_not_fit_the_data_is_left_out_and_said(files):
    (files / "items.csv").unlink()
    pl.DataFrame({"item": range(40)}).write_csv(files / "items.csv")
    stages = []
    wanted = config_of(files, models=["content-knn", "ease"])
    compared = ComparisonJob(wanted, stages.append).run()
    assert compared.study.report.models == ["popularity", "ease"]
    assert "feature" in compared.study.left_out["content-knn"]
    assert stages[1].detail.startswith("left out:")
    page = (compared.folder / "report.html").read_text(encoding="utf-8")
    assert "content-knn is left out" in page


def test_nan_scores_name_the_model_and_leave_nothing_behind(files, monkeypatch):
    def fit(material, options):
        def model(queries, k):
            best = Popularity().fit(material.train)(queries, k)
            return Ranked(best.ids, np.full(best.scores.shape, np.nan), best.valid)

        return model

    fake = Contender(fit, contenders.CONTENDERS["ease"].options)
    monkeypatch.setitem(contenders.CONTENDERS, "ease", fake)
    with pytest.raises(DataError, match=r"'ease' recommended item .* to user .* NaN"):
        ComparisonJob(config_of(files)).run()
    assert not (files / "shortlist-comparisons").exists()


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        ({"users": ["nobody"]}, "names 'nobody', who is not among"),
        ({"segments": ["twn"]}, "names 'twn'.* Did you mean 'town'"),
        ({"categories": "genres"}, "column 'genres' of categories.* Did you mean 'genre'"),
    ],
)
def test_what_the_data_do_not_have_is_said_before_anything_is_trained(files, compare, message):
    stages = []
    with pytest.raises((ConfigError, SchemaError), match=message):
        ComparisonJob(config_of(files, **compare), stages.append).run()
    assert [stage.name for stage in stages] == ["data"]


def test_memory_and_time_are_those_of_the_work():
    found, cost = measured(lambda: int(np.ones(2**23).sum()))
    assert found == 2**23
    assert cost.seconds > 0
    assert cost.cpu_seconds > 0
    assert cost.peak_bytes is None or cost.peak_bytes > 2**25

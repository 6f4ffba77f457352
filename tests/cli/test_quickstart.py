from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from shortlist.cli.quickstart import quickstart_config
from shortlist.errors import DataError
from shortlist.evaluation import Report
from shortlist.recommender.config import Config
from shortlist.recommender.job import Stage, Trained

MEANS = {"popularity": 0.122, "retrieval": 0.195, "pipeline": 0.1 + 0.1 + 0.001}
REPORT = Report(
    split="by_user_time",
    description="Each user's last 20 % of events are test.",
    ks=(10, 100),
    users=np.array([12, 7]),
    per_user={
        model: {name: np.array([mean, mean]) for name in ("ndcg@10", "recall@10", "recall@100")}
        for model, mean in MEANS.items()
    },
    overall={model: {"coverage@10": 0.25} for model in MEANS},
    activity=np.array([3, 4]),
    counts=dict.fromkeys(
        ("users", "relevant", "catalogue", "cold_users", "cold_relevant", "users_left_out"), 2
    ),
    leaks=[],
    seconds=dict.fromkeys(MEANS, 0.1),
)


class FakeAnswers:
    fallback = np.array([False])

    def __iter__(self) -> Any:
        return iter([[(50, 1.5), (1, 0.25)]])


class FakeRecommender:
    items = pl.DataFrame({"item": [1, 50], "title": ["Toy Story (1995)", "Star Wars (1977)"]})
    users = SimpleNamespace(histories=SimpleNamespace(users=np.array([12, 7])))
    asked: Any = None

    def recommend(
        self, users: list[Any], k: int = 10, history: Any = None, where: Any = None
    ) -> FakeAnswers:
        self.asked = (users, k, history)
        return FakeAnswers()

    def titles(self, ids: list[int]) -> list[str]:
        return [{1: "Toy Story (1995)", 50: "Star Wars (1977)"}[i] for i in ids]


class FakeJob:
    """Has the outward side of a job and does nothing."""

    config: Config
    warm_start: Path | None = None
    fails: Exception | None = None

    def __init__(
        self, config: Config, on_stage: Any, on_progress: Any, warm_start: Path | None = None
    ) -> None:
        FakeJob.config = config
        FakeJob.warm_start = warm_start
        self.on_stage, self.on_progress = on_stage, on_progress

    def run(self) -> Trained:
        stages = (
            Stage("data", 0.5, "100,000 interactions"),
            Stage("retrieval", 20.25, "3 epochs"),
        )
        self.on_stage(stages[0])
        if FakeJob.fails is not None:
            raise FakeJob.fails
        for done in range(3):
            self.on_progress("retrieval", done, 3)
        self.on_stage(stages[1])
        recommender: Any = FakeRecommender()
        facts = {"interactions": 100000}
        return Trained(recommender, REPORT, Path("bundles") / "1", stages, facts)


@pytest.fixture(autouse=True)
def fake_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shortlist.recommender.job.Job", FakeJob)
    monkeypatch.setattr(FakeJob, "fails", None)


def test_it_prints_facts_metrics_answers_and_the_bundle_and_stages_beside(
    cli: Callable[..., Any],
) -> None:
    ended = cli("quickstart")
    assert ended.code == 0
    told = [
        "interactions  100,000",
        "popularity",
        "pipeline",
        "ndcg@10",
        "0.1220",
        "0.2010",
        "coverage@10",
        "Each user's last 20 %",
        "For user 12:",
        "Star Wars (1977)",
        f"The bundle: {Path('bundles') / '1'}",
        "shortlist recommend",
    ]
    places = [ended.out.index(text) for text in told]
    assert places == sorted(places)
    assert ended.err.splitlines() == [
        "data            0.5 s  100,000 interactions",
        "retrieval      20.2 s  3 epochs",
    ]


def test_json_has_what_was_promised_with_every_digit(cli: Callable[..., Any]) -> None:
    ended = cli("quickstart", "--json")
    found = ended.json
    assert found["seconds"] == {"data": 0.5, "retrieval": 20.25, "total": 20.75}
    assert found["metrics"] == {
        model: {"ndcg@10": m, "recall@10": m, "recall@100": m, "coverage@10": 0.25}
        for model, m in MEANS.items()
    }
    assert found["evaluation"]["split"] == "by_user_time"
    assert found["recommendations"] == [
        {"item": 50, "title": "Star Wars (1977)", "score": 1.5},
        {"item": 1, "title": "Toy Story (1995)", "score": 0.25},
    ]
    assert found["bundle"] == str(Path("bundles") / "1")
    assert found["user"] == 12
    assert found["facts"] == {"interactions": 100000}


def test_the_options_end_up_in_the_configuration(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    cli("quickstart", "--path", "ml.zip", "--out", "out", "--seed", "7", "--epochs", "2")
    assert FakeJob.config == quickstart_config(Path("ml.zip"), Path("out"), 7, 2)
    assert FakeJob.config.data.path == str(tmp_path / "ml.zip")
    assert FakeJob.config.output.bundle == str(tmp_path / "out")
    assert FakeJob.config.seed == 7
    assert FakeJob.config.retrieval.epochs == 2
    assert FakeJob.config.split.method == "user-time"


def test_a_failing_job_keeps_what_was_said_and_ends_in_its_code(
    cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeJob, "fails", DataError("No test interactions are left."))
    ended = cli("quickstart", "--json")
    assert ended.code == 3
    assert ended.json["error"]["kind"] == "DataError"
    assert ended.err.splitlines() == [
        "data            0.5 s  100,000 interactions",
        "Error: No test interactions are left.",
    ]


def test_train_runs_a_file_and_out_overrides_its_folder(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "job.toml"
    file.write_text('[data]\ninteractions = "events.csv"\n', encoding="utf-8")
    ended = cli("train", str(file), "--out", str(tmp_path / "b"), "--json")
    assert ended.code == 0
    assert set(ended.json) == {"seconds", "facts", "metrics", "evaluation", "bundle"}
    assert FakeJob.config.data.interactions == str(tmp_path.resolve() / "events.csv")
    assert FakeJob.config.output.bundle == str((tmp_path / "b").resolve())
    assert "0.2010" in cli("train", str(file)).out


@pytest.fixture
def fake_bundle(monkeypatch: pytest.MonkeyPatch) -> FakeRecommender:
    recommender = FakeRecommender()
    fake = SimpleNamespace(load=lambda _: recommender)
    monkeypatch.setattr("shortlist.recommender.Recommender", fake, raising=False)
    return recommender


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["--user", "12"], ([12], 10, None)),
        (["--user", "12", "-k", "2", "--history", "50, 1"], ([12], 2, [[50, 1]])),
        (["--history", "50"], ([None], 10, [[50]])),
    ],
)
def test_recommend_asks_what_was_typed(
    cli: Callable[..., Any], fake_bundle: FakeRecommender, words: list[str], asked: Any
) -> None:
    ended = cli("recommend", "b", *words)
    assert ended.code == 0
    assert fake_bundle.asked == asked
    assert "Star Wars (1977)" in ended.out
    found = cli("recommend", "b", *words, "--json").json
    assert found["answers"][0]["user"] == asked[0][0]
    assert found["answers"][0]["fallback"] is False
    assert found["answers"][0]["recommendations"][0]["item"] == 50


def test_recommend_leaves_out_and_names_what_is_not_in_the_catalogue(
    cli: Callable[..., Any], fake_bundle: FakeRecommender
) -> None:
    ended = cli("recommend", "b", "--history", "50,9,1,8")
    assert fake_bundle.asked == ([None], 10, [[50, 1]])
    assert ended.code == 0
    assert ended.err == "Warning: Left out of the history, not being in the catalogue: 9, 8.\n"


@pytest.mark.usefixtures("fake_bundle")
def test_recommend_says_which_id_cannot_be_one(cli: Callable[..., Any]) -> None:
    ended = cli("recommend", "b", "--user", "anna")
    assert ended.code == 3
    assert ended.err == ("Error: The user ids of this bundle are whole numbers; received 'anna'.\n")

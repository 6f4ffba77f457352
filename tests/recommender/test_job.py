"""A whole job, small: it is repeatable, and its bundle answers as it did."""

import json

import numpy as np
import polars as pl
import pytest

from shortlist.datasets import synthetic
from shortlist.errors import ConfigError
from shortlist.recommender import Config, Job, Recommender

pytestmark = [pytest.mark.backend, pytest.mark.slow]


def config(folder, **more):
    return Config.from_dict(
        {
            "data": {"dataset": "synthetic"},
            "split": {"method": "user-time"},
            "features": {"history_length": 8},
            "retrieval": {"epochs": 1, "embedding_dim": 8, "batch_size": 512},
            "ranking": {"epochs": 1, "pool": 20},
            "output": {"bundle": str(folder)},
            **more,
        }
    )


def test_the_same_seed_gives_the_same_metrics_and_the_bundle_the_same_answers(tmp_path):
    stages, steps = [], []
    first = Job(
        config(tmp_path / "a"),
        on_stage=stages.append,
        on_progress=lambda stage, done, total: steps.append((stage, done, total)),
    ).run()
    second = Job(config(tmp_path / "a")).run()
    assert first.report.metrics == second.report.metrics
    names = ["data", "split", "retrieval", "ranking", "evaluation", "bundle"]
    assert [stage.name for stage in stages] == names
    assert {stage for stage, _, _ in steps} == {"retrieval", "ranking"}
    assert max(done for _, done, _ in steps) == steps[0][2]
    assert [path.name for path in (first.bundle, second.bundle)] == ["1", "2"]
    users = [1, 2, 10**9]
    mine = first.recommender.recommend(users, k=5)
    theirs = Recommender.load(tmp_path / "a").recommend(users, k=5)
    assert mine.lists() == theirs.lists()
    np.testing.assert_array_equal(mine.fallback, [False, False, True])
    np.testing.assert_allclose(mine.scores, theirs.scores, atol=1e-4)  # one is Keras, one ONNX
    nearest = first.recommender.similar([3], k=4)
    assert 3 not in nearest.lists()[0]


@pytest.mark.filterwarnings("ignore::shortlist.data.LeakWarning")
def test_a_random_split_reads_the_other_items_and_needs_no_ranker(tmp_path):
    trained = Job(
        config(
            tmp_path,
            split={"method": "random"},
            features={"history": "others", "history_length": 8, "user_id": False},
            ranking={"enabled": False},
        )
    ).run()
    found = trained.report.metrics
    assert trained.recommender.ranker is None
    # Alike but for users of whom nothing is known, who get what is popular.
    assert found["pipeline"]["ndcg@10"] >= found["retrieval"]["ndcg@10"]


def test_a_warm_start_goes_on_with_what_is_new(tmp_path):
    early, late = tmp_path / "early.parquet", tmp_path / "late.parquet"
    frame = synthetic(users=60, items=40, interactions=900).interactions.frame
    frame.filter(pl.col("user") < 50, pl.col("item") < 30).write_parquet(early)
    frame.write_parquet(late)

    def on(path, **more):
        data = {"interactions": str(path), "duplicates": "drop"}
        return config(tmp_path / "b", data=data, ranking={"enabled": False}, **more)

    first = Job(on(early)).run()
    second = Job(
        on(late, retrieval={"epochs": 1, "embedding_dim": 8, "learning_rate": 1e-9}),
        warm_start=tmp_path / "b" / "1",
    ).run()
    old, new = first.recommender.retriever, second.recommender.retriever
    known, larger = (r.encoder.vocabulary("item") for r in (old, new))
    assert len(larger) > len(known)
    np.testing.assert_array_equal(larger.ids[: len(known)], known.ids)
    # A rate of next to nothing leaves what was learned as it was.
    np.testing.assert_allclose(
        new.model.history_table()[1 : len(known) + 1], old.model.history_table()[1:], atol=1e-5
    )
    fresh = larger.ids[len(known)]
    size = second.recommender.size
    assert fresh in second.recommender.recommend([1], k=size, exclude_seen=False).lists()[0]
    about = json.loads((second.bundle / "about.json").read_text())
    assert about["warm_start"]["bundle"] == str(first.bundle)
    assert {"fingerprint", "name"} <= about["data"].keys()
    with pytest.raises(ConfigError, match=r"`embedding_dim` in \[retrieval\] to be 8"):
        Job(on(late, retrieval={"embedding_dim": 4}), warm_start=first.bundle).run()

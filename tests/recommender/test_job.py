"""A whole job, small: it is repeatable, and its bundle answers as it did."""

import numpy as np
import pytest

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
    np.testing.assert_allclose(mine.scores, theirs.scores, rtol=1e-6)
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

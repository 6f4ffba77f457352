import numpy as np
import pytest

from shortlist.bundle import read_folder, write_folder
from shortlist.data import Interactions
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.signals import SIGNALS, ItemVectors, Signals

LOG = Interactions({"user": [1, 1, 1, 2, 2], "item": [5, 6, 7, 5, 6], "time": [1, 2, 3, 4, 5]})
VECTORS = {5: [1.0, 0.0], 6: [0.0, 2.0], 7: [3.0, 3.0], 8: [0.0, 0.0]}
POOL = Ranked(
    np.array([[7, 8, 0], [6, 5, 7]]),
    np.array([[2.0, 1.0, 0.0], [3.0, 2.0, 1.0]]),
    np.array([[True, True, False], [True, True, True]]),
)
QUERIES = Queries.of([1, 9], history=[[5, 6], []])


def candidates(ids):
    return np.array([VECTORS[i] for i in ids.tolist()], dtype=np.float32).reshape(-1, 2)


vectors = ItemVectors(candidates, lambda ids: 2 * candidates(ids))


def test_each_signal_is_what_it_says():
    found = Signals.of(LOG)(QUERIES, POOL, vectors)
    assert list(found) == list(SIGNALS)
    np.testing.assert_allclose(found["score"][0], [1, -1, 0], atol=1e-4)
    np.testing.assert_allclose(found["log_rank"][1], np.log([1, 2, 3]), atol=1e-6)
    np.testing.assert_allclose(found["log_popularity"], np.log([[2, 1, 1], [3, 3, 2]]), atol=1e-6)
    # Item 7 is the last of three of user 1: (2/3 + 2.5) / (1 + 5); item 8 is unknown.
    np.testing.assert_allclose(found["when"][0], [(2 / 3 + 2.5) / 6, 0.5, 0.0], atol=1e-6)
    np.testing.assert_allclose(found["log_history"][0, :2], np.log(3), atol=1e-6)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(found["like_all"][0], [half, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found["like_nearest"][0], [half, 0, 0], atol=1e-6)
    assert not found["like_all"][1].any()
    # Twice the vectors of items 6 and 5, times that of item 7: 2 (0, 2) and 2 (1, 0) with (3, 3).
    for name in ("pull_latest", "pull_recent", "pull_all", "pull_most"):
        np.testing.assert_allclose(found[name][0], [(12 + 6) / 2, 0, 0], atol=1e-5)


def test_company_is_the_score_of_ease():
    signals = Signals.of(LOG)
    found = signals(QUERIES, POOL, vectors)["company"]
    ranked = signals.company(Queries.of([1], history=[[5, 6]], exclude=[[5, 6]]), 1)
    assert ranked.lists() == [[7]]
    assert found[0, 0] == pytest.approx(ranked.scores[0, 0])
    assert not found[1].any()


def test_the_last_item_weighs_most():
    queries = Queries.of([1], history=[[5, 6]])
    pool = Ranked(np.array([[5, 6]]), np.array([[1.0, 0.5]]), np.ones((1, 2)))
    found = Signals.of(LOG)(queries, pool, vectors)["like_last"][0]
    weights = np.array([1, 1 / np.sqrt(2)])
    np.testing.assert_allclose(found[1], (weights / weights.sum())[0], atol=1e-6)
    np.testing.assert_allclose(found[0], (weights / weights.sum())[1], atol=1e-6)


def test_standardised_over_the_valid_places():
    signals = Signals.of(LOG).standardized(QUERIES, POOL, vectors)
    found = signals(QUERIES, POOL, vectors)
    for name, values in found.items():
        chosen = values[POOL.valid]
        assert chosen.mean() == pytest.approx(0, abs=1e-5), name
        assert chosen.std() == pytest.approx(1, abs=1e-3) or not chosen.any(), name
        assert values[0, 2] == 0


def test_written_and_read(tmp_path):
    for signals in (Signals.of(LOG), Signals.of(LOG).standardized(QUERIES, POOL, vectors)):
        write_folder(tmp_path / "s", signals.write, kind="signals")
        again = Signals.read(read_folder(tmp_path / "s", kind="signals"))
        mine, theirs = (s(QUERIES, POOL, vectors) for s in (signals, again))
        for name in SIGNALS:
            np.testing.assert_array_equal(mine[name], theirs[name])

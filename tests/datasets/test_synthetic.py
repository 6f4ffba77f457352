from __future__ import annotations

import numpy as np
import pytest

from shortlist.data import splits
from shortlist.datasets import synthetic
from shortlist.errors import ConfigError


def test_shapes_sizes_and_ids():
    data = synthetic(users=60, items=40, interactions=500, dim=4, seed=1)
    frame = data.interactions.frame
    assert frame.columns == ["user", "item", "time", "rating"]
    assert frame.height == 500
    assert not frame.select("user", "item").is_duplicated().any()
    assert frame["time"].is_sorted()
    assert frame["user"].is_between(1, 60).all()
    assert frame["item"].is_between(1, 40).all()
    assert frame["rating"].is_between(1, 5).all()
    assert (data.users.height, data.items.height) == (60, 40)
    assert data.user_factors.shape == (60, 4)
    np.testing.assert_allclose(np.linalg.norm(data.item_factors, axis=1), 1, rtol=1e-6)
    assert data.popularity.sum() == pytest.approx(1)
    assert data.items["genres"].list.len().to_list() == [2] * 40


def test_the_seed_decides():
    small = {"users": 60, "items": 40, "interactions": 500}
    first = synthetic(**small, seed=1).interactions.frame
    assert synthetic(**small, seed=1).interactions.frame.equals(first)
    assert not synthetic(**small, seed=2).interactions.frame.equals(first)


def hit_rate(scores, split):
    """The share of test events among each user's ten best items not seen in train."""
    scores = scores.copy()
    scores[split.train.frame["user"] - 1, split.train.frame["item"] - 1] = -np.inf
    top = np.argsort(-scores, axis=1)[:, :10] + 1
    test = split.test.frame
    return (top[test["user"].to_numpy() - 1] == test["item"].to_numpy()[:, None]).any(axis=1).mean()


def test_tastes_are_in_the_data():
    data = synthetic(seed=3)
    split = splits.by_time(data.interactions)
    users = np.arange(1, 1001)
    ideal = hit_rate(data.scores(users), split)
    popular = hit_rate(np.tile(np.log(data.popularity), (1000, 1)), split)
    assert ideal > 1.3 * popular


def test_without_strength_only_popularity_is_left():
    data = synthetic(seed=3, strength=0.0, choices=1, interactions=5_000)
    split = splits.by_time(data.interactions)
    users = np.arange(1, 1001)
    popular = hit_rate(np.tile(np.log(data.popularity), (1000, 1)), split)
    assert hit_rate(data.scores(users), split) == popular


def test_numbers_out_of_range():
    with pytest.raises(ConfigError, match="dim expected 1 or more; received 0"):
        synthetic(dim=0)
    with pytest.raises(ConfigError, match="at most users \\* items = 20; received 21"):
        synthetic(users=4, items=5, interactions=21)
    with pytest.raises(ConfigError, match="too many"):
        synthetic(users=50, items=50, interactions=2_400)

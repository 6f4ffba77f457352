from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.baselines import EASE, ItemKNN, _item_item
from shortlist.data import Interactions
from shortlist.errors import ConfigError, DataError, NotFittedError
from shortlist.queries import Queries


def drawn(seed, users=12, items=9):
    """A log in which every item occurs, in order of its number, and some pairs occur twice."""
    draw = np.random.default_rng(seed)
    seen = draw.random((users, items)) < 0.4
    seen[0] = True
    pairs = np.argwhere(seen)
    pairs = np.concatenate([pairs, pairs[:3]])
    data = Interactions({"user": pairs[:, 0], "item": pairs[:, 1]}, time=None, duplicates="keep")
    return data, seen.astype(float)


def scores_of(model, history):
    found = model(Queries.of(["x"], history=[history]), len(model.items))
    return dict(next(iter(found)))


@given(st.integers(0, 2**32 - 1))
def test_ease_solves_its_least_squares_problem(seed):
    """Each column of B minimises |x_j - X b|^2 + lambda |b|^2 with b_j = 0: solved one by one."""
    data, x = drawn(seed)
    model = EASE(regularization=2.0).fit(data)
    n = x.shape[1]
    for j in range(n):
        others = [i for i in range(n) if i != j]
        gram = x[:, others].T @ x[:, others] + 2.0 * np.eye(n - 1)
        b = np.linalg.solve(gram, x[:, others].T @ x[:, j])
        for i, weight in zip(others, b, strict=True):
            assert scores_of(model, [i])[j] == pytest.approx(weight, abs=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_item_knn_is_the_cosine_of_the_nearest(seed, neighbors):
    data, x = drawn(seed)
    model = ItemKNN(neighbors=neighbors, shrinkage=1.0).fit(data)
    for i in range(x.shape[1]):
        cosines = {
            j: (x[:, i] @ x[:, j]) / (np.sqrt(x[:, i].sum() * x[:, j].sum()) + 1.0)
            for j in range(x.shape[1])
            if j != i
        }
        found = scores_of(model, [i])
        nearest = sorted(cosines.values(), reverse=True)[:neighbors]
        assert sorted(found.values(), reverse=True)[: len(nearest)] == pytest.approx(nearest)
        assert sum(score > 0 for score in found.values()) <= neighbors


@pytest.mark.parametrize("model", [EASE(regularization=2.0), ItemKNN()])
def test_histories_add_up_and_exclusions_hold(model, monkeypatch):
    data, _ = drawn(0)
    model.fit(data)
    both, one, other = (scores_of(model, h) for h in ([1, 4, 4, 99], [1], [4]))
    assert both == pytest.approx({j: one[j] + other[j] for j in one}, abs=1e-6)
    queries = Queries.of(range(5), history=[[1], [], [4, 2], [99], [0]], exclude=[[1, 2]] * 5)
    found = model(queries, 20)
    assert found.ids.shape == (5, 20)
    assert [len(row) for row in found.lists()] == [7, 0, 7, 0, 7]
    assert all(not {1, 2} & set(row) for row in found.lists())
    monkeypatch.setattr(_item_item, "_USERS_AT_ONCE", 2)
    assert model(queries, 20).lists() == found.lists()
    assert model.fit(data)(queries, 20).lists() == found.lists()


def test_bad_input(monkeypatch):
    for model in (EASE(), ItemKNN()):
        with pytest.raises(NotFittedError, match=type(model).__name__):
            model(Queries.of(["x"]), 1)
        monkeypatch.setattr(_item_item, "_LARGEST_CATALOGUE", 3)
        with pytest.raises(DataError, match="at most 3 items"):
            model.fit(drawn(0)[0])
    for make in (
        lambda: EASE(regularization=0),
        lambda: ItemKNN(neighbors=0),
        lambda: ItemKNN(shrinkage=-1),
    ):
        with pytest.raises(ConfigError, match="received"):
            make()

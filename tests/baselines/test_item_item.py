from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shortlist.baselines import EASE, GFCF, ItemKNN, _item_item, _sparse, ease
from shortlist.bundle import read_folder, write_folder
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


@given(st.integers(0, 2**32 - 1))
def test_normalized_counts_a_user_by_how_few_items_it_met(seed):
    data, x = drawn(seed)
    model = ItemKNN(neighbors=9, weighting="normalized", shrinkage=0.5).fit(data)
    share = x / np.sqrt(np.maximum(x.sum(axis=1, keepdims=True), 1))
    lengths = np.sqrt((share**2).sum(axis=0))
    expected = share.T @ share / (np.outer(lengths, lengths) + 0.5)
    for i in range(9):
        for j, score in scores_of(model, [i]).items():
            assert score == pytest.approx(expected[i, j] if i != j else 0.0, rel=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_bm25_is_the_formula(seed):
    data, x = drawn(seed)
    model = ItemKNN(neighbors=9, weighting="bm25", k1=1.2, b=0.75).fit(data)
    lengths = x.sum(axis=0)
    rarity = np.maximum(np.log(9 / (1 + x.sum(axis=1))), 0)
    norm = 1 - 0.75 + 0.75 * lengths / lengths.mean()
    weights = x * rarity[:, None] * 2.2 / (1.2 * norm + 1)
    expected = weights.T @ weights
    for i in range(9):
        for j, score in scores_of(model, [i]).items():
            assert score == pytest.approx(expected[i, j] if i != j else 0.0, rel=1e-5, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_gfcf_is_the_two_filters(seed, rank):
    data, x = drawn(seed)
    x = x[x.any(axis=1)]
    normal = x / np.sqrt(np.outer(x.sum(axis=1), x.sum(axis=0)))
    _, values, v = np.linalg.svd(normal)
    assume(values[rank - 1] - values[rank] > 0.02)
    root = np.sqrt(x.sum(axis=0))
    ideal = (v[:rank].T @ v[:rank]) / root[:, None] * root
    expected = normal.T @ normal + 0.3 * ideal
    model = GFCF(rank=rank, alpha=0.3).fit(data)
    for i in range(9):
        found = scores_of(model, [i])
        assert [found[j] for j in range(9)] == pytest.approx(expected[i], abs=2e-4)


def test_blocks_of_rows_change_nothing(monkeypatch):
    data, _ = drawn(3)
    query = Queries.of(range(3), history=[[1], [2, 3], [7]])
    makes = (lambda: ItemKNN(neighbors=4), lambda: GFCF(rank=3), EASE)
    whole = [make().fit(data)(query, 9).lists() for make in makes]
    monkeypatch.setattr(_sparse, "_AT_ONCE", 1)
    assert [make().fit(data)(query, 9).lists() for make in makes] == whole


@pytest.mark.parametrize("model", [EASE(), ItemKNN(weighting="bm25"), GFCF(rank=3)])
def test_what_is_written_is_read(model, tmp_path):
    data, _ = drawn(1)
    model.fit(data)
    write_folder(tmp_path / "model", model.write, kind="model")
    again = type(model).read(read_folder(tmp_path / "model", kind="model"))
    query = Queries.of(["x", "y"], history=[[1, 2], [5]], exclude=[[1], []])
    found, expected = again(query, 5), model(query, 5)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.scores, expected.scores)


@pytest.mark.parametrize("model", [EASE(regularization=2.0), ItemKNN(), GFCF(rank=3)])
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
    for model in (EASE(), ItemKNN(), GFCF()):
        with pytest.raises(NotFittedError, match=type(model).__name__):
            model(Queries.of(["x"]), 1)
    monkeypatch.setattr(ease, "_LARGEST_CATALOGUE", 3)
    with pytest.raises(DataError, match="at most 3 items"):
        EASE().fit(drawn(0)[0])
    for make in (
        lambda: EASE(regularization=0),
        lambda: ItemKNN(neighbors=0),
        lambda: ItemKNN(shrinkage=-1),
        lambda: ItemKNN(weighting="bm52"),
        lambda: ItemKNN(weighting="bm25", b=2),
        lambda: GFCF(rank=0),
    ):
        with pytest.raises(ConfigError, match="received"):
            make()


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_the_best_are_those_of_the_tie_rule(seed, k):
    draw = np.random.default_rng(seed)
    scores = draw.integers(-1, 4, (6, 40)) / 2
    expected = _item_item.select_top(scores, k)
    np.testing.assert_array_equal(_item_item._best(scores, k), expected)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.baselines import BPR, IALS
from shortlist.baselines.bpr import _unmet
from shortlist.bundle import read_folder, write_folder
from shortlist.data import Interactions
from shortlist.errors import ConfigError, NotFittedError
from shortlist.queries import Queries


def drawn(seed=0, users=14, items=9):
    """Two camps of users with items of their own, and each item's number is its place."""
    draw = np.random.default_rng(seed)
    camp = np.arange(users)[:, None] % 2 == np.arange(items)[None, :] % 2
    seen = draw.random((users, items)) < np.where(camp, 0.9, 0.05)
    seen[0] = True
    pairs = np.argwhere(seen)
    return Interactions({"user": pairs[:, 0], "item": pairs[:, 1]}, time=None), seen.astype(float)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1.0]))
def test_ials_solves_for_each_user(seed, nu):
    data, x = drawn(seed)
    options = {"alpha": 0.3, "regularization": 0.05, "nu": nu}
    model = IALS(embedding_dim=3, epochs=2, seed=seed, **options).fit(data)
    y = model.item_vectors.astype(float)
    for row in x[:3]:
        history = np.flatnonzero(row)
        weight = row + 0.3
        penalty = 0.05 * (len(history) + 0.3 * len(row)) ** nu
        best = np.linalg.solve(y.T @ (y * weight[:, None]) + penalty * np.eye(3), y.T @ row)
        (found,) = model(Queries.of(["new"], history=[history.tolist()]), 9)
        assert [dict(found)[i] for i in range(9)] == pytest.approx(y @ best, abs=1e-5)


def test_ials_goes_down_its_loss():
    data, x = drawn()

    def loss(epochs):
        model = IALS(embedding_dim=3, epochs=epochs, alpha=0.2, regularization=0.02, nu=0.5)
        y = model.fit(data).item_vectors.astype(float)
        queries = Queries.of(range(14), history=[np.flatnonzero(row).tolist() for row in x])
        u = model._vectors(queries).astype(float)
        scores = u @ y.T
        sides = (u, x.sum(axis=1) + 0.2 * 9), (y, x.sum(axis=0) + 0.2 * 14)
        penalty = sum((n**0.5 * (v**2).sum(axis=1)).sum() for v, n in sides)
        return (x * (scores - 1) ** 2).sum() + 0.2 * (scores**2).sum() + 0.02 * penalty

    losses = [loss(epochs) for epochs in (1, 2, 4, 8)]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize(
    "model", [IALS(embedding_dim=2), BPR(embedding_dim=4, epochs=60, batch_size=16)]
)
def test_camps_are_told_apart(model, tmp_path):
    data, _ = drawn()
    model.fit(data)
    history = [[2, 4], [1, 5], [], [99]]
    queries = Queries.of(["n1", "n2", "n3", "n4"], history=history, exclude=history)
    found = model(queries, 3)
    even, odd, nothing, unknown = found.lists()
    assert set(even) == {0, 6, 8}
    assert {3, 7} <= set(odd)
    assert nothing == unknown == []
    write_folder(tmp_path / "model", model.write, kind="model")
    again = type(model).read(read_folder(tmp_path / "model", kind="model"))
    for users in (["n1", "n2", "n3", "n4"], [0, 1, 2, 3]):
        asked = Queries.of(users, history=history, exclude=history)
        np.testing.assert_array_equal(again(asked, 3).scores, model(asked, 3).scores)
        assert again(asked, 3).lists() == model(asked, 3).lists()
    assert type(model)(**again._options()).fit(data)(queries, 3).lists() == found.lists()


def test_bpr_knows_its_users():
    data, _ = drawn()
    model = BPR(embedding_dim=4, epochs=60, batch_size=16).fit(data)
    known = model(Queries.of(range(14)), 3).lists()
    assert np.mean([[i % 2 == u % 2 for i in row] for u, row in enumerate(known) if u]) > 0.9


def test_a_step_of_bpr_is_that_of_the_formula():
    data = Interactions({"user": [1, 2], "item": ["a", "b"]}, time=None)
    start = BPR(embedding_dim=3, epochs=1, learning_rate=1e-30).fit(data)
    model = BPR(embedding_dim=3, epochs=1, learning_rate=0.1, regularization=0.2).fit(data)
    u, v = (m.astype(float) for m in (start.user_vectors, start.item_vectors))
    # User 1 met a alone and user 2 b alone, so the negatives are known.
    gradients = [np.zeros((2, 3)), np.zeros((2, 3))]
    for user, positive, negative in ((0, 0, 1), (1, 1, 0)):
        slope = 1 / (1 + np.exp(u[user] @ (v[positive] - v[negative])))
        gradients[0][user] += -slope * (v[positive] - v[negative]) + 0.2 * u[user]
        gradients[1][positive] += -slope * u[user] + 0.2 * v[positive]
        gradients[1][negative] += slope * u[user] + 0.2 * v[negative]
    for before, after, gradient in zip(
        (u, v), (model.user_vectors, model.item_vectors), gradients, strict=True
    ):
        expected = before - 0.1 * gradient / np.sqrt(gradient**2 + 1e-8)
        np.testing.assert_allclose(after, expected, atol=1e-5)


def test_negatives_were_not_met():
    users = np.repeat(np.arange(50), 3)
    keys = np.unique(users * 40 + np.tile([1, 5, 9], 50))
    drawn = _unmet(np.random.default_rng(0), users, keys, 40)
    assert not np.isin(users * 40 + drawn, keys).any()


def test_bad_input():
    for model in (IALS(), BPR()):
        with pytest.raises(NotFittedError, match=type(model).__name__):
            model(Queries.of(["x"]), 1)
        with pytest.raises(NotFittedError, match=type(model).__name__):
            model.write(None)
    for make in (
        lambda: IALS(embedding_dim=0),
        lambda: IALS(epochs=1.5),
        lambda: IALS(regularization=0),
        lambda: IALS(alpha=-1),
        lambda: BPR(learning_rate=0),
        lambda: BPR(regularization=-1),
        lambda: BPR(batch_size=0),
    ):
        with pytest.raises(ConfigError, match="received"):
            make()

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.data import Batches
from shortlist.errors import DataError, SchemaError
from shortlist.models import RatedItems, RatingFactors, RatingModel
from shortlist.training import BatchDataset

pytestmark = pytest.mark.backend

USER = np.array([1, 2, 0], "int32")
ITEM = np.array([2, 1, 2], "int32")


def table(layer):
    return ops.convert_to_numpy(layer.table)


def test_what_a_user_rated_without_the_events_own_item():
    users, items = np.array([1, 1, 2, 1, 2]), np.array([1, 3, 1, 2, 0])
    ratings = np.array([5.0, 3.0, 1.0, 4.0, 2.0])
    rated = RatedItems(users, items, ratings, (3, 4))
    rest = ratings - rated.mean - rated.user_bias[users] - rated.item_bias[items]
    assert len(rated) == 5
    assert rated.mean == 3.0
    expected = np.zeros((2, 8))
    expected[0, [2, 3]] = 1.0
    expected[0, [6, 5 + 2]] = rest[[3, 1]]
    np.testing.assert_allclose(rated.take(np.array([0, 2])), expected / np.sqrt(2), atol=1e-6)
    whole = rated.for_users(np.array([2, 0, 1]))
    np.testing.assert_allclose(whole[0], [0, 1, 0, 0, 0, rest[2], 0, 0], atol=1e-6)
    assert (whole[1] == 0).all()
    assert np.count_nonzero(whole[2, :4]) == 3


def test_biases_are_shrunken_distances():
    alone = RatedItems(np.array([1]), np.array([1]), np.array([4.0]), (2, 2))
    assert (alone.mean, alone.user_bias[1], alone.item_bias[1]) == (4.0, 0.0, 0.0)
    rng = np.random.default_rng(0)
    users, items = rng.integers(1, 5, 4000), rng.integers(1, 9, 4000)
    truth = 3.0 + 0.5 * (users == 1) - 1.0 * (items == 2)
    rated = RatedItems(users, items, truth, (5, 9))
    np.testing.assert_allclose(np.diff(rated.user_bias[1:3]), -0.5, atol=0.01)
    np.testing.assert_allclose(np.diff(rated.item_bias[1:3]), -1.0, atol=0.02)


def test_it_is_the_formula():
    layer = RatingFactors(3, 4, rated=True, embedding_dim=2, initial=3.0, penalty=0.1)
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], "float32")
    rated = np.random.default_rng(0).normal(size=(3, 8)).astype("float32")
    got = ops.convert_to_numpy(layer(USER, ITEM, rated, vectors, 2 * vectors))
    p, q = table(layer.user_factors), table(layer.item_factors)
    kernel = ops.convert_to_numpy(layer.history.kernel)
    users = p[USER] + rated @ kernel + vectors
    expected = 3.0 + (users * (q[ITEM] + 2 * vectors)).sum(1)
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    assert layer.losses == []
    layer(USER, ITEM, rated, training=True)
    rows = (p[USER], q[ITEM], kernel[ITEM], kernel[ITEM + 4])
    squares = sum((x**2).sum(1) for x in rows).mean()
    assert float(ops.convert_to_numpy(layer.losses[0])) == pytest.approx(0.1 * squares, rel=1e-4)
    assert RatingFactors.from_config(layer.get_config()).settings == layer.settings


def test_it_learns_who_likes_what():
    rng = np.random.default_rng(0)
    user = rng.integers(1, 21, 2000).astype("int32")
    item = rng.integers(1, 31, 2000).astype("int32")
    rating = 3.0 + (-1.0) ** (user + item) + 0.5 * (user % 3 - 1)
    rated = RatedItems(user, item, rating, (21, 31))
    columns = {"user": user, "item": item, "label": rating.astype("float32"), "rated": rated}
    model = RatingModel(21, 31, rated=True, embedding_dim=4, penalty=1e-3)
    model.factors.begin_at(rated)
    model.compile(keras.optimizers.Adam(0.03))
    batches = BatchDataset(Batches(columns, 250, seed=0))
    logs = model.fit(batches, epochs=12, verbose=0).history
    assert logs["rmse"][-1] < 0.3
    found = model.score({**columns, "rated": rated.take(np.arange(2000))})
    assert np.sqrt(np.mean((found - rating) ** 2)) < 0.3


def test_what_is_wrong_is_named():
    model = RatingModel(3, 3, rated=True)
    with pytest.raises(SchemaError, match="expected 'rated'"):
        model({"user": USER, "item": ITEM})
    with pytest.raises(SchemaError, match="expected 'label'"):
        model.compute_loss({"user": USER, "item": ITEM})
    one = np.array([1])
    with pytest.raises(DataError, match=r"one length \[N\]"):
        RatedItems(one, one, np.ones(2), (2, 2))
    with pytest.raises(DataError, match="item codes from 0 to 0"):
        RatedItems(one, one, np.ones(1), (2, 1))

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError, SchemaError
from shortlist.models import RatingFactors, RatingModel
from shortlist.models.rating import rated_codes

pytestmark = pytest.mark.backend

USER = np.array([1, 2, 0], "int32")
ITEM = np.array([2, 1, 2], "int32")
RATED = np.array([[1, 7], [3, 0], [0, 0]], "int32")


def table(layer):
    return ops.convert_to_numpy(layer.table)


def test_it_is_the_formula():
    layer = RatingFactors(3, 4, levels=5, embedding_dim=2, initial=3.0)
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], "float32")
    got = ops.convert_to_numpy(layer(USER, ITEM, RATED, vectors, 2 * vectors))
    p, q, e = (table(x) for x in (layer.user_factors, layer.item_factors, layer.history))
    sums = np.stack([e[[1, 7]].sum(0) / np.sqrt(2), e[3], 0 * e[3]])
    expected = 3.0 + ((p[USER] + sums + vectors) * (q[ITEM] + 2 * vectors)).sum(1)
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    assert len(layer.losses) == 1  # of the history's table
    layer(USER, ITEM, training=True)
    squares = np.mean((p[USER] ** 2).sum(1) + (q[ITEM] ** 2).sum(1))
    assert float(ops.convert_to_numpy(layer.losses[-1])) == pytest.approx(0.15 * squares, rel=1e-4)
    assert RatingFactors.from_config(layer.get_config()).settings == layer.settings


def test_codes_of_items_and_ratings():
    assert rated_codes(np.array([1, 3, 0]), np.array([1.0, 5.0, 2.0]), 5).tolist() == [1, 15, 0]
    for wrong in (0, 6, 2.5):
        with pytest.raises(ConfigError, match="whole ratings from 1 to 5"):
            rated_codes(np.array([1]), np.array([wrong]), 5)


def test_it_learns_who_likes_what():
    rng = np.random.default_rng(0)
    user = rng.integers(1, 21, 2000).astype("int32")
    item = rng.integers(1, 31, 2000).astype("int32")
    rating = 3.0 + (-1.0) ** (user + item) + 0.5 * (user % 3 - 1)
    data = {"user": user, "item": item, "label": rating.astype("float32")}
    model = RatingModel(21, 31, embedding_dim=4, initial=3.0, penalty=1e-4)
    model.compile(keras.optimizers.Adam(0.05))
    logs = model.fit(data, batch_size=250, epochs=12, verbose=0).history
    assert logs["rmse"][-1] < 0.3
    assert np.sqrt(np.mean((model.score(data) - rating) ** 2)) < 0.3


def test_what_is_missing_is_named():
    model = RatingModel(3, 3, levels=5)
    with pytest.raises(SchemaError, match="expected 'rated'"):
        model({"user": USER, "item": ITEM})
    with pytest.raises(SchemaError, match="expected 'label'"):
        model.compute_loss({"user": USER, "item": ITEM, "rated": RATED})

import keras
import numpy as np
import pytest

from shortlist.errors import ConfigError, SchemaError
from shortlist.features import FeatureInfo
from shortlist.models import Ranker
from shortlist.training import set_seed

pytestmark = pytest.mark.backend

FEATURES = {
    "item": FeatureInfo("categorical", size=5),
    "genres": FeatureInfo("multi", size=4, length=2),
    "age": FeatureInfo("numeric"),
    "text": FeatureInfo("vector", dim=2),
}
RNG = np.random.default_rng(2)


def features(*shape):
    return {
        "item": RNG.integers(0, 5, size=shape).astype("int32"),
        "genres": RNG.integers(0, 4, size=(*shape, 2)).astype("int32"),
        "age": RNG.normal(size=shape).astype("float32"),
        "text": RNG.normal(size=(*shape, 2)).astype("float32"),
    }


def shuffled(model):
    model.build_all()
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(RNG.normal(size=weight.shape).astype("float32"))
    return model


def test_a_list_is_scored_as_its_items_are():
    model = shuffled(Ranker(FEATURES, embedding_dim=3))
    lists = features(4, 3)
    flat = {name: values.reshape(12, *values.shape[2:]) for name, values in lists.items()}
    together, alone = model.score(lists), model.score(flat)
    assert together.shape == (4, 3)
    np.testing.assert_allclose(together.reshape(-1), alone, rtol=1e-5, atol=1e-5)


def test_it_begins_by_saying_the_same_of_everything():
    model = Ranker(FEATURES, initial=3.5)
    np.testing.assert_allclose(model.score(features(6)), 3.5)


def test_losses_equal_their_formulas():
    batch = {**features(6), "label": np.array([0, 1, 1, 0, 1, 0], "float32")}
    for loss in ("binary", "squared"):
        model = shuffled(Ranker(FEATURES, loss=loss, embedding_dim=2, dropout=0.0))
        scores, y = model.score(batch).astype("float64"), batch["label"]
        each = (y - scores) ** 2
        if loss == "binary":
            each = np.logaddexp(0, scores) - y * scores
        weights = np.arange(6, dtype="float32")
        for options, expected in (
            ({}, each.mean()),
            ({"sample_weight": weights}, np.average(each, weights=weights)),
            ({"sample_weight": 0 * weights}, 0.0),
        ):
            found = float(keras.ops.convert_to_numpy(model.compute_loss({**batch, **options})))
            assert found == pytest.approx(expected, rel=1e-4), (loss, options)


def test_it_learns_ratings_and_orders():
    set_seed(1)
    batch = features(512)
    batch["label"] = (batch["item"] + batch["age"]).astype("float32")
    model = Ranker(FEATURES, loss="squared", dropout=0.0, initial=2.0)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(batch, epochs=30, batch_size=64, verbose=0)
    assert np.sqrt(np.mean((model.score(batch) - batch["label"]) ** 2)) < 0.4
    lists = features(128, 5)
    lists["label"] = (lists["age"] == lists["age"].max(axis=1, keepdims=True)).astype("float32")
    model = Ranker(FEATURES, loss="listwise", dropout=0.0)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(lists, epochs=30, batch_size=32, verbose=0)
    best = model.score(lists).argmax(axis=1)
    assert (best == lists["age"].argmax(axis=1)).mean() > 0.9


def test_config_round_trip():
    model = Ranker(FEATURES, loss="listwise", hidden_units=(8,), initial=1.0)
    assert Ranker.from_config(model.get_config()).get_config() == model.get_config()


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"'listwize'.*Did you mean 'listwise'"):
        Ranker(FEATURES, loss="listwize")
    with pytest.raises(SchemaError, match="expected the feature 'age'"):
        Ranker(FEATURES)({k: v for k, v in features(2).items() if k != "age"})
    with pytest.raises(SchemaError, match="expected the label 'label'"):
        Ranker(FEATURES).compute_loss(features(2))

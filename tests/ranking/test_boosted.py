import numpy as np
import pytest

from shortlist.errors import BundleError, ConfigError, DataError, NotFittedError, SchemaError
from shortlist.features import FeatureInfo
from shortlist.ranking import BoostedTrees

pytest.importorskip("lightgbm")

FEATURES = {
    "item": FeatureInfo("categorical", size=6),
    "age": FeatureInfo("numeric"),
    "genres": FeatureInfo("multi", size=4, length=2),
    "text": FeatureInfo("vector", dim=2),
}
OPTIONS = {"trees": 30, "leaves": 7, "min_leaf": 5, "threads": 1, "learning_rate": 0.2}


def batch(*shape, seed=0):
    rng = np.random.default_rng(seed)
    features = {
        "item": rng.integers(0, 6, size=shape).astype("int32"),
        "age": rng.normal(size=shape).astype("float32"),
        "genres": rng.integers(0, 4, size=(*shape, 2)).astype("int32"),
        "text": rng.normal(size=(*shape, 2)).astype("float32"),
    }
    comedy = (features["genres"] == 2).any(axis=-1)
    label = (comedy ^ (features["age"] > 0.3)) | np.isin(features["item"], (1, 4))
    return features | {"label": label.astype("float32")}


def test_clicks_are_learned_from_every_kind_of_feature():
    trees = BoostedTrees(FEATURES, **OPTIONS).fit(batch(2000))
    test = batch(500, seed=1)
    probabilities = trees.probabilities(test)
    assert ((probabilities > 0.5) == test["label"]).mean() > 0.97
    logits = trees.score(test)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), probabilities, rtol=1e-4)


def test_lists_are_ordered_and_places_without_an_item_do_not_count():
    data = batch(200, 6)
    data["label"][:, 5] = -1
    trees = BoostedTrees(FEATURES, loss="listwise", **OPTIONS).fit(data)
    test = batch(100, 6, seed=1)
    scores = trees.score(test)
    assert scores.shape == (100, 6)
    better = scores[test["label"] > 0].mean() - scores[test["label"] == 0].mean()
    assert better > 1
    other = {name: values.copy() for name, values in data.items()}
    other["age"][:, 5] = 77.0
    again = BoostedTrees(FEATURES, loss="listwise", **OPTIONS).fit(other)
    np.testing.assert_array_equal(again.score(test), scores)


def test_a_validation_batch_stops_the_growth():
    noise = batch(300)
    noise["label"] = np.random.default_rng(5).integers(0, 2, 300).astype("float32")
    options = {**OPTIONS, "trees": 200}
    stopped = BoostedTrees(FEATURES, patience=5, **options).fit(noise, batch(200, seed=9))
    whole = BoostedTrees(FEATURES, **options).fit(noise)
    assert np.abs(stopped.score(noise)).mean() < np.abs(whole.score(noise)).mean()


def test_saved_and_loaded(tmp_path):
    trees = BoostedTrees(FEATURES, **OPTIONS).fit(batch(500))
    trees.save(tmp_path / "trees")
    again = BoostedTrees.load(tmp_path / "trees")
    np.testing.assert_array_equal(again.score(batch(50, seed=1)), trees.score(batch(50, seed=1)))
    assert again.get_config() == trees.get_config()
    for file in (tmp_path / "trees").rglob("trees.json"):
        file.write_text("{}")
    with pytest.raises(BundleError):
        BoostedTrees.load(tmp_path / "trees")


def test_weights_say_how_much_a_row_counts():
    data = batch(400)
    both = {name: np.concatenate([values, values]) for name, values in data.items()}
    both["label"] = np.concatenate([data["label"], 1 - data["label"]])
    both["sample_weight"] = np.repeat([1.0, 0.0], 400)
    trees = BoostedTrees(FEATURES, **OPTIONS).fit(both)
    assert ((trees.score(data) > 0) == data["label"]).mean() > 0.9


def test_lists_of_one_and_empty_lists():
    data = batch(40, 1)
    data["label"][:3] = -1  # lists of nothing
    trees = BoostedTrees(FEATURES, loss="listwise", **OPTIONS).fit(data)
    asked = {name: values for name, values in data.items() if name != "label"}
    assert np.isfinite(trees.score(asked)).all()
    assert trees.score({name: values[:, :0] for name, values in asked.items()}).shape == (40, 0)
    assert trees.score({name: values[:0] for name, values in asked.items()}).shape == (0, 1)


def test_what_an_encoder_never_saw_and_what_is_no_number():
    trees = BoostedTrees(FEATURES, **OPTIONS).fit(batch(60))
    data = batch(4)
    unseen = {**data, "item": np.zeros(4, "int32"), "genres": np.zeros((4, 2), "int32")}
    assert np.isfinite(trees.score(unseen)).all()
    with pytest.raises(SchemaError, match=r"'ages', which it was not made for.*mean 'age'"):
        trees.score({**data, "ages": data["age"]})
    wrong = {**data, "age": np.array([0.0, 1.0, np.nan, 2.0])}
    with pytest.raises(DataError, match=r"feature 'age'; row 2 has \[nan\]"):
        trees.score(wrong)
    with pytest.raises(DataError, match=r"feature 'age'; row 2 has \[nan\]"):
        trees.fit(wrong)


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"'binari'.*Did you mean 'binary'"):
        BoostedTrees(FEATURES, loss="binari")
    trees = BoostedTrees(FEATURES)
    with pytest.raises(NotFittedError, match="not grown"):
        trees.score(batch(3))
    data = batch(30)
    with pytest.raises(SchemaError, match="expected the feature 'age'"):
        trees.fit({name: values for name, values in data.items() if name != "age"})
    with pytest.raises(SchemaError, match="expected the label 'label'"):
        trees.fit({name: values for name, values in data.items() if name != "label"})
    with pytest.raises(DataError, match=r"labels 0 and 1; row 0 has 3.0"):
        trees.fit({**data, "label": data["label"] + 3})
    with pytest.raises(DataError, match="finite labels; row 0 has nan"):
        trees.fit({**data, "label": data["label"] * np.nan})
    with pytest.raises(DataError, match="expected lists"):
        BoostedTrees(FEATURES, loss="listwise").fit(data)
    with pytest.raises(ConfigError, match="loss='squared'"):
        BoostedTrees(FEATURES, loss="squared").probabilities(data)

"""Several tasks in one ranker: their scores, their missing labels, and what is refused."""

import keras
import numpy as np
import pytest

from shortlist.errors import ConfigError, DataError, SchemaError
from shortlist.features import FeatureInfo
from shortlist.models import MultiTaskRanker
from shortlist.training import set_seed

pytestmark = pytest.mark.backend

FEATURES = {"item": FeatureInfo("categorical", size=6), "age": FeatureInfo("numeric")}
TASKS = {"click": "binary", "rating": "squared"}


def made(**options):
    options = {"tasks": TASKS, "embedding_dim": 3, "expert_units": (8,), "dropout": 0.0} | options
    return MultiTaskRanker(FEATURES, **options)


def batch(rows, seed=0):
    rng = np.random.default_rng(seed)
    item = rng.integers(0, 6, size=rows).astype("int32")
    age = rng.normal(size=rows).astype("float32")
    return {"item": item, "age": age}


def test_scores_are_probabilities_and_numbers_within_bounds():
    model = made(
        initials={"click": 0.2, "rating": 4.5}, bounds={"rating": (1, 4)}, experts="shared_bottom"
    )
    lists = {"item": np.zeros((2, 3), "int32"), "age": np.zeros((2, 3), "float32")}
    found = model.score(lists)
    assert found.shape == (2, 3, 2)
    np.testing.assert_allclose(found[..., 0], 0.2, atol=1e-6)
    np.testing.assert_allclose(found[..., 1], 4.0)
    assert model.score({name: values[:, :0] for name, values in lists.items()}).shape == (2, 0, 2)
    said = model.task_scores(lists)
    assert [*said] == ["click", "rating"]
    np.testing.assert_array_equal(said["rating"], found[..., 1])
    assert type(model).from_config(model.get_config()).get_config() == model.get_config()
    with pytest.raises(ConfigError, match=r"\['click', 'rating'\]\. Use task_scores"):
        model.probabilities(lists)


@pytest.mark.parametrize(
    "experts",
    ["mmoe", pytest.param("ple", marks=pytest.mark.slow)],
)
def test_each_task_learns_from_the_labels_that_it_has(experts, tmp_path):
    set_seed(0)
    data = batch(512)
    data["click"] = (data["item"] > 2).astype("float32")
    data["rating"] = np.where(data["item"] % 2, 3 + data["age"], np.nan).astype("float32")
    model = made(experts=experts, initials={"rating": 3.0}, weights={"rating": 0.5})
    model.compile(keras.optimizers.Adam(0.02))
    logs = model.fit(data, batch_size=64, epochs=12, verbose=0).history
    assert logs["click/loss"][-1] < 0.1
    assert logs["rating/loss"][-1] < 0.15
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    asked = {name: data[name] for name in FEATURES}
    np.testing.assert_allclose(again.score(asked), model.score(asked), atol=1e-5)


def test_a_task_without_labels_in_a_batch_adds_nothing():
    data = batch(8) | {"click": np.ones(8, "float32"), "rating": np.full(8, np.nan, "float32")}
    both, one = made(), made(tasks={"click": "binary"})
    for model in (both, one):
        model.compile(keras.optimizers.SGD(0.1))
    losses = [model.fit(data, verbose=0).history["loss"][0] for model in (both, one)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6) == pytest.approx(np.log(2), abs=1e-5)
    asked = {name: data[name] for name in FEATURES}
    found = both.score(asked)
    np.testing.assert_array_equal(found[:, 1], 0.0)
    assert np.isfinite(found).all()


def test_what_is_refused():
    with pytest.raises(ConfigError, match="at least one task"):
        made(tasks={})
    with pytest.raises(ConfigError, match=r"'click' expected a loss.*Did you mean 'binary'"):
        made(tasks={"click": "binry"})
    with pytest.raises(ConfigError, match="'age' has the name of a feature"):
        made(tasks={"age": "squared"})
    with pytest.raises(ConfigError, match=r"experts expected.*Did you mean 'mmoe'"):
        made(experts="moe")
    with pytest.raises(ConfigError, match=r"bounds names the task 'ratings'.*mean 'rating'"):
        made(bounds={"ratings": (1, 5)})
    with pytest.raises(ConfigError, match=r"weights has 'clicks'"):
        made(weights={"clicks": 1.0})
    model = made()
    model.compile("adam")
    labels = {"click": np.ones(8, "float32"), "rating": np.full(8, np.nan, "float32")}
    with pytest.raises(SchemaError, match=r"the label 'rating' in a batch"):
        model.fit(batch(8) | {"click": labels["click"]}, verbose=0)
    with pytest.raises(DataError, match=r"labels from 0 to 1.*'click'; row 0 has 3\.0"):
        model.fit(batch(8) | labels | {"click": np.full(8, 3.0)}, verbose=0)
    with pytest.raises(DataError, match=r"finite labels.*'rating'; row 0 has inf"):
        model.fit(batch(8) | labels | {"rating": np.full(8, np.inf)}, verbose=0)
    with pytest.raises(SchemaError, match="'zip', which it was not made for"):
        model.score(batch(8) | {"zip": np.ones(8)})

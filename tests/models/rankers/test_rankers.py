"""What every ranker has to do, whatever it computes."""

import keras
import numpy as np
import pytest

from shortlist.errors import ConfigError, DataError, SchemaError
from shortlist.features import Categorical, Encoder, FeatureInfo, MultiCategorical, Numeric
from shortlist.models import Ranker, rankers
from shortlist.training import set_seed

pytestmark = pytest.mark.backend

FEATURES = {
    "item": FeatureInfo("categorical", size=6, vocabulary="item"),
    "age": FeatureInfo("numeric"),
    "history": FeatureInfo("multi", size=6, length=3, vocabulary="item"),
    "text": FeatureInfo("vector", dim=2),
    "user": FeatureInfo("categorical", size=5),
}
KINDS = {
    "LogisticRegression": {},
    "FMRanker": {"embedding_dim": 3},
    "DeepFM": {"embedding_dim": 3, "hidden_units": (4,)},
    "DLRM": {"embedding_dim": 3, "bottom_units": (4,)},
    "DCNv2": {"embedding_dim": 3, "structure": "parallel"},
    "AutoInt": {"embedding_dim": 3, "attention_units": 4},
    "MaskNet": {"embedding_dim": 3, "block_units": 4, "mask_blocks": 2},
    "FinalMLP": {"embedding_dim": 3, "first_context": "user", "second_context": "item"},
    "DIN": {"embedding_dim": 3, "attention_units": (4,)},
}


def batch(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "item": rng.integers(0, 6, size=shape).astype("int32"),
        "age": rng.normal(size=shape).astype("float32"),
        "history": rng.integers(0, 6, size=(*shape, 3)).astype("int32"),
        "text": rng.normal(size=(*shape, 2)).astype("float32"),
        "user": rng.integers(0, 5, size=shape).astype("int32"),
    }


def made(name, **options):
    return getattr(rankers, name)(FEATURES, **{**KINDS[name], **options})


def shuffled(model, seed=0):
    rng = np.random.default_rng(seed)
    model.build_all()
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(0.5 * rng.normal(size=weight.shape).astype("float32"))
    return model


def test_the_list_is_that_of_the_package():
    assert sorted([*KINDS, "MultiTaskRanker"]) == sorted(rankers.__all__)


@pytest.mark.parametrize(
    "name",
    # JAX compiles every operation of each: a few that share no code, the rest with the slow tests.
    [
        name if name in ("DCNv2", "DIN", "FMRanker") else pytest.param(name, marks=pytest.mark.slow)
        for name in KINDS
    ],
)
def test_lists_and_files(name, tmp_path):
    model = shuffled(made(name))
    lists = batch(4, 2)
    flat = {key: values.reshape(8, *values.shape[2:]) for key, values in lists.items()}
    scores = model.score(lists)
    assert scores.shape == (4, 2)
    assert scores.std() > 0
    np.testing.assert_allclose(scores.reshape(-1), model.score(flat), rtol=1e-4, atol=1e-4)
    assert type(model).from_config(model.get_config()).get_config() == model.get_config()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.score(lists), scores, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_it_learns(name):
    set_seed(1)
    data = batch(256)
    # The linear models can learn this much: by item and by age.
    data["label"] = ((data["item"] > 2) ^ (data["age"] > 1.5)).astype("float32")
    model = made(name, **({} if name == "LogisticRegression" else {"dropout": 0.0}))
    model.compile(keras.optimizers.Adam(0.03))
    history = model.fit(data, epochs=8, batch_size=64, verbose=0).history["loss"]
    assert history[0] == pytest.approx(np.log(2), abs=0.2)
    assert history[-1] < 0.45
    probabilities = model.probabilities({name: data[name] for name in FEATURES})
    clicked = data["label"] > 0
    assert probabilities[clicked].mean() > probabilities[~clicked].mean() + 0.2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DIN", "DeepFM", "MaskNet"])
def test_half_precision(name):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = made(name)
    finally:
        keras.config.set_dtype_policy("float32")
    exact, data = shuffled(made(name)), batch(64)
    half.build_all()
    weights = [w for w in half.weights if "seed" not in w.path]
    for weight, value in zip(
        weights, [w for w in exact.weights if "seed" not in w.path], strict=True
    ):
        weight.assign(value)
    scores = half.score(data)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, exact.score(data), rtol=0.05, atol=0.1)
    half.compile(keras.optimizers.Adam(0.001))
    loss = half.fit({**data, "label": data["age"] > 0}, verbose=0).history["loss"]
    assert np.isfinite(loss).all()


@pytest.mark.parametrize("only", [["user", "item"], ["age"]])
@pytest.mark.parametrize("name", [name for name in KINDS if name != "DIN"])
def test_codes_alone_and_numbers_alone(name, only):
    options = KINDS[name]
    if name == "FinalMLP" and only == ["age"]:
        options = {}  # those there are name features with codes
    model = getattr(rankers, name)({n: FEATURES[n] for n in only}, **options)
    model.build_all()  # which follows the whole computation on symbols
    assert model.count_params() > 0


def test_an_encoder_is_features_and_what_it_never_saw_is_code_0():
    frame = {"item": ["a", "b", "c"], "year": [1.0, 2.0, 3.0], "tags": [["x"], [], ["x", "y"]]}
    specs = [Categorical("item"), Numeric("year"), MultiCategorical("tags")]
    encoder = Encoder(specs).fit(frame)
    model = Ranker(encoder)
    assert model.features == encoder.describe()
    unseen = encoder.transform({"item": ["new", None], "year": [None, 9.0], "tags": [["z"], None]})
    assert np.isfinite(model.score(unseen)).all()


def test_what_is_wrong_with_a_batch_is_named():
    model, data = Ranker(FEATURES), batch(3)
    with pytest.raises(SchemaError, match=r"'zip', which it was not made for"):
        model.score({**data, "zip": data["user"]})
    with pytest.raises(SchemaError, match=r"'ages'.*Did you mean 'age'"):
        model.score({**data, "ages": data["age"]})
    nan = {**data, "age": np.array([1.0, np.nan, 2.0], "float32")}
    with pytest.raises(DataError, match=r"feature 'age'; row 1 has \[nan\]"):
        model.score(nan)
    with pytest.raises(DataError, match="feature 'age'; row 1"):
        model.fit({**nan, "label": data["age"]})
    with pytest.raises(DataError, match=r"integer codes in the categorical feature 'item'"):
        model.score({**data, "item": data["age"]})
    with pytest.raises(DataError, match=r"'text' of shape \[B, 2\]; received \(3, 1\)"):
        model.score({**data, "text": data["text"][:, :1]})
    with pytest.raises(DataError, match=r"multi feature 'history' of shape \[B, L\]"):
        model.score({**data, "history": data["user"]})
    with pytest.raises(DataError, match=r"item_embedding.*from 0 to 5; received 6"):
        model.score({**data, "item": data["item"] * 0 + 6})
    with pytest.raises(DataError, match="one leading shape"):
        model.score({**data, "age": data["text"]})


def test_what_is_wrong_with_an_option_is_named():
    with pytest.raises(ConfigError, match=r"at least one feature"):
        Ranker({})
    with pytest.raises(ConfigError, match=r"'stack'.*Did you mean 'stacked'"):
        rankers.DCNv2(FEATURES, structure="stack")
    with pytest.raises(ConfigError, match=r"experts=2 expected a projection_dim"):
        rankers.DCNv2(FEATURES, experts=2)
    with pytest.raises(ConfigError, match=r"'serials'.*Did you mean 'serial'"):
        rankers.MaskNet(FEATURES, structure="serials")
    with pytest.raises(ConfigError, match=r"received 'users'.*Did you mean 'user'"):
        rankers.FinalMLP(FEATURES, first_context="users")
    with pytest.raises(ConfigError, match=r"DIN expected history .*Did you mean 'history'"):
        rankers.DIN(FEATURES, history="histori")
    with pytest.raises(ConfigError, match="one history and one target"):
        rankers.DIN({"item": FEATURES["item"]})
    with pytest.raises(ConfigError, match="received 6 and 5 codes"):
        rankers.DIN(FEATURES, history="history", target="user")
    with pytest.raises(ConfigError, match="loss='squared'"):
        Ranker(FEATURES, loss="squared").probabilities(batch(2))


@pytest.mark.parametrize(
    ("loss", "label", "message"),
    [
        ("binary", [0.0, 4.0, 1.0], r"labels from 0 to 1.*'label'; row 1 has 4\.0\. Use loss='squ"),
        ("binary", [0.0, 1.0, -1.0], r"labels from 0 to 1.*row 2 has -1\.0"),
        ("squared", [0.0, np.nan, 1.0], r"finite labels in 'label'; row 1 has nan"),
        ("listwise", [[1.0, 0.0], [np.inf, 0.0], [1.0, 0.0]], r"finite labels.*row 1 has inf"),
    ],
)
def test_labels_outside_the_domain_of_the_loss(loss, label, message):
    model = Ranker({"age": FeatureInfo("numeric")}, loss=loss)
    model.compile("adam")
    labels = np.array(label, "float32")
    with pytest.raises(DataError, match=message):
        model.fit({"age": np.zeros_like(labels), "label": labels}, verbose=0)


def test_lists_of_one_and_empty_lists_teach_nothing_and_do_no_harm():
    model = Ranker({"age": FeatureInfo("numeric")}, loss="listwise", dropout=0.0, initial=0.5)
    model.compile(keras.optimizers.SGD(1.0))
    ages = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
    before = model.score({"age": ages})
    # A list of one place that counts, and one whose places are all masked.
    labels = np.array([[1.0, -1.0], [-1.0, -1.0]], "float32")
    losses = model.fit({"age": ages, "label": labels}, verbose=0).history["loss"]
    assert losses == [pytest.approx(0.0, abs=1e-7)]
    np.testing.assert_array_equal(model.score({"age": ages}), before)
    assert model.score({"age": ages[:, :1]}).shape == (2, 1)
    assert model.score({"age": ages[:, :0]}).shape == (2, 0)

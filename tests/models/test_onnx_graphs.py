"""A graph answers as its model does, on every backend and for every kind of feature."""

import keras
import numpy as np
import pytest
from keras import ops

from shortlist import models
from shortlist.bundle import read_folder, write_folder
from shortlist.errors import ConfigError
from shortlist.features import FeatureInfo
from shortlist.inference import OnnxRanker, OnnxTowers, golden
from shortlist.models import Ranker, TwoTower
from shortlist.models.onnx_graphs import draw
from shortlist.models.onnx_rankers import RANKERS
from shortlist.recommender.weights import write_model

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.backend

QUERY = {
    "history": FeatureInfo("multi", size=9, length=11),
    "user": FeatureInfo("categorical", size=5),
    "tags": FeatureInfo("multi", size=4, length=3),
    "age": FeatureInfo("numeric"),
    "face": FeatureInfo("vector", dim=3),
}
CANDIDATE = {"item": FeatureInfo("categorical", size=9), "price": FeatureInfo("numeric")}


def randomized(model):
    """Every weight away from its initial value, which is often one that hides a mistake."""
    generator = np.random.default_rng(1)
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign((generator.normal(size=weight.shape) * 0.3).astype(weight.dtype))
    return model


def drawn(model, folder):
    def writer(draft):
        draw(model, *write_model(draft, model))

    write_folder(folder, writer, kind="model")
    return read_folder(folder, kind="model").path


def towers(**options):
    model = TwoTower(QUERY, CANDIDATE, embedding_dim=6, **options)
    model.build_all()
    return randomized(model)


@pytest.mark.parametrize(
    "options",
    [
        {"history": "history"},
        {"history": "history", "recency": False},
        {"hidden_units": (5, 4), "dropout": 0.5},
        {"history": "history", "unknown_rate": {"user": 0.5}},
    ],
)
def test_towers(tmp_path, options):
    model = towers(**options)
    found = OnnxTowers(drawn(model, tmp_path / "model"))
    for mine, theirs, features in (
        (model.embed_queries, found.embed_queries, QUERY),
        (model.embed_candidates, found.embed_candidates, CANDIDATE),
    ):
        asked = golden.questions(features)
        golden.replay("tower", theirs, asked, mine(asked))
    np.testing.assert_array_equal(found.history_table(), model.history_table())
    assert found.embedding_dim == 6


RANKED = {
    "item": FeatureInfo("categorical", size=9, vocabulary="item"),
    "history": FeatureInfo("multi", size=9, length=5, vocabulary="item"),
    "user": FeatureInfo("categorical", size=5),
    "tags": FeatureInfo("multi", size=4, length=3),
    "age": FeatureInfo("numeric"),
    "face": FeatureInfo("vector", dim=3),
    "price": FeatureInfo("numeric"),
}
ONLY = {
    "everything": [*RANKED],
    "codes": ["item", "history", "user"],
    "numbers": ["age", "price"],
}
SMALL = {"embedding_dim": 4, "hidden_units": (6, 4), "initial": 0.5}
ALIKE = [
    ("Ranker", {}),
    ("Ranker", {"hidden_units": ()}),
    ("LogisticRegression", {}),
    ("FMRanker", {}),
    ("DeepFM", {}),
    ("DLRM", {"bottom_units": (3,)}),
    ("DCNv2", {"cross_layers": 2}),
    ("DCNv2", {"cross_layers": 2, "structure": "parallel", "projection_dim": 3}),
    ("DCNv2", {"cross_layers": 2, "experts": 3, "projection_dim": 2}),
    ("AutoInt", {"attention_units": 3}),
    ("AutoInt", {"attention_units": 3, "hidden_units": (), "attention_layers": 1}),
    ("MaskNet", {"mask_blocks": 2, "block_units": 5}),
    ("MaskNet", {"mask_blocks": 2, "block_units": 5, "structure": "serial", "reduction": 2.0}),
    ("FinalMLP", {"gate_units": (3,)}),
    ("FinalMLP", {"second_units": (8, 6), "first_context": "user", "second_context": "tags"}),
    ("DIN", {"attention_units": (3,)}),
    ("MultiTaskRanker", {"experts": "ple"}),
    ("MultiTaskRanker", {"experts": "mmoe"}),
    ("MultiTaskRanker", {"experts": "shared_bottom", "hidden_units": ()}),
]
TASKS = {
    "tasks": {"click": "binary", "rating": "squared", "time": "squared"},
    "expert_units": (5,),
    "bounds": {"rating": (-0.1, 0.1)},
}


# JAX compiles every operation of each: a few that share little, the rest with the slow tests.
FAST = ("DLRM", "DIN", "FinalMLP", "MultiTaskRanker")


def cases():
    """All kinds of features for all, and codes or numbers alone where that is a path of its own."""
    for number, (name, options) in enumerate(ALIKE):
        fast = name in FAST and name != ALIKE[number - 1][0]
        marks = [] if fast else [pytest.mark.slow]
        yield pytest.param(name, options, "everything", marks=marks)
    for name in ("FMRanker", "DLRM", "AutoInt", "MaskNet"):
        for only in ("codes", "numbers"):
            yield pytest.param(name, {}, only, marks=pytest.mark.slow)


def label(value):
    return value if isinstance(value, str) else "-".join(map(str, value.values())) or "usual"


@pytest.mark.parametrize(("name", "options", "only"), [*cases()], ids=label)
def test_rankers(tmp_path, name, options, only):
    options = {**SMALL, **options}
    if name == "MultiTaskRanker":
        options = TASKS | {n: v for n, v in options.items() if n != "initial"}
    model = getattr(models, name)({n: RANKED[n] for n in ONLY[only]}, **options)
    model.build_all()
    found = OnnxRanker(drawn(randomized(model), tmp_path / "model"))
    asked = drawn_at_random(model.features)
    expected = ops.convert_to_numpy(model.answers(asked))
    assert expected.std() > 1e-3
    golden.replay("ranker", found.score, asked, expected)


def drawn_at_random(features):
    """As many rows as `golden.questions` has, of numbers and codes of any kind, 0 among them."""
    asked, generator = golden.questions(features), np.random.default_rng(5)
    for feature, array in asked.items():
        if features[feature].kind in ("numeric", "vector"):
            asked[feature] = generator.normal(scale=2.0, size=array.shape).astype(np.float32)
        else:
            codes = generator.integers(0, features[feature].size, array.shape)
            asked[feature] = codes.astype(np.int32)
    return asked


def test_every_ranker_has_a_graph():
    known = {value for value in vars(models).values() if isinstance(value, type)}
    assert {kind for kind in known if issubclass(kind, Ranker)} == set(RANKERS)


def test_a_part_that_has_no_graph_is_named(tmp_path):
    model = models.DCNv2({"age": FeatureInfo("numeric")})
    model.crosses[0].preactivation = keras.activations.gelu
    model.build_all()
    with pytest.raises(ConfigError, match="'cross_0' has the activation 'gelu', which is not"):
        drawn(model, tmp_path / "model")


def test_a_ranker_scores_lists_and_numbers_side_by_side(tmp_path):
    model = Ranker({"one": FeatureInfo("numeric"), "two": FeatureInfo("numeric")})
    model.build_all()
    found = OnnxRanker(drawn(randomized(model), tmp_path / "model"))
    signals = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
    lists = {"one": signals[..., 0], "two": signals[..., 1]}
    np.testing.assert_allclose(found.score(lists), model.score(lists), atol=1e-5)
    np.testing.assert_allclose(found.score_signals(signals), found.score(lists), atol=1e-6)
    assert found.score_signals(signals[:, :0]).shape == (3, 0)
    assert found.score({name: values[:, :0] for name, values in lists.items()}).shape == (3, 0)


def test_weights_are_not_copied_and_rows_come_in_any_number(tmp_path):
    model = towers(history="history")
    folder = drawn(model, tmp_path / "model")
    assert b"history" not in (folder / "candidate.onnx").read_bytes()
    found = OnnxTowers(folder)
    asked = golden.questions(CANDIDATE)
    many = {name: np.resize(array, 20_000) for name, array in asked.items()}
    np.testing.assert_allclose(
        found.embed_candidates(many)[-8:], model.embed_candidates(many)[-8:], atol=1e-5
    )


def test_a_model_with_computations_of_its_own_is_refused(tmp_path):
    class Mine(TwoTower):
        pass

    model = Mine(QUERY, CANDIDATE, embedding_dim=6)
    model.build_all()
    with pytest.raises(ConfigError, match="received Mine, whose computations are its own"):
        draw(model, tmp_path / "weights.safetensors", {})
    keras.utils.clear_session()

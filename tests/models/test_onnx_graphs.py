"""A graph answers as its model does, on every backend and for every kind of feature."""

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.bundle import read_folder, write_folder
from shortlist.errors import ConfigError
from shortlist.features import FeatureInfo
from shortlist.inference import OnnxRanker, OnnxTowers, golden
from shortlist.models import Ranker, TwoTower
from shortlist.models.onnx_graphs import draw
from shortlist.models.rankers import DCNv2
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
            weight.assign(ops.cast(generator.normal(size=weight.shape) * 0.3, weight.dtype))
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


@pytest.mark.parametrize("crosses", [0, 2])
def test_rankers(tmp_path, crosses):
    model = DCNv2({**QUERY, "price": FeatureInfo("numeric")}, cross_layers=crosses, initial=0.5)
    model.build_all()
    found = OnnxRanker(drawn(randomized(model), tmp_path / "model"))
    asked = golden.questions(model.features)
    golden.replay("ranker", found.score, asked, model.score(asked))


def test_a_ranker_scores_lists_and_numbers_side_by_side(tmp_path):
    model = Ranker({"one": FeatureInfo("numeric"), "two": FeatureInfo("numeric")})
    model.build_all()
    found = OnnxRanker(drawn(randomized(model), tmp_path / "model"))
    signals = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
    lists = {"one": signals[..., 0], "two": signals[..., 1]}
    np.testing.assert_allclose(found.score(lists), model.score(lists), atol=1e-5)
    np.testing.assert_allclose(found.score_signals(signals), found.score(lists), atol=1e-6)


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

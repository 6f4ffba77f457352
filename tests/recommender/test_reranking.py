"""Every ranker in a bundle: what it answers there, with and without Keras."""

import json
import subprocess
import sys
from copy import copy

import numpy as np
import pytest

from shortlist.errors import BundleError, ConfigError
from shortlist.features import FeatureInfo
from shortlist.ranking import RANKERS, make_ranker
from shortlist.recommender import Recommender, ScoreFormula
from shortlist.recommender.attributes import Attributes
from shortlist.recommender.exporting import export
from shortlist.recommender.inspection import show
from shortlist.recommender.reranking import Reranker
from shortlist.recommender.signals import SIGNALS

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.backend

ASKED = [1, 2, 3, None, 99]
TASKS = {"tasks": {"met": "binary", "stars": "squared"}, "bounds": {"stars": (1.0, 5.0)}}
FORMULA = ScoreFormula({"met": 1.0, "stars": 0.5})


@pytest.fixture(scope="module")
def base(towers):
    """One of each part but the ranker: making towers takes long."""
    return towers()


def randomized(model):
    model.build_all()
    generator = np.random.default_rng(1)
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign((generator.normal(size=weight.shape) * 0.3).astype("float32"))
    return model


def with_ranker(recommender, name, *, reads_all=True, **options):
    """The recommender with another ranker, that says something of everything."""
    recommender = copy(recommender)
    retriever, old = recommender.retriever, recommender.ranker
    infos, attributes = {name: FeatureInfo("numeric") for name in SIGNALS}, None
    if reads_all:
        attributes = Attributes(retriever.encoder, retriever.candidate_encoder, recommender.items)
        infos |= attributes.describe()
    if name == "lightgbm":
        pytest.importorskip("lightgbm")
        model = grown(make_ranker(name, infos, trees=5, min_leaf=1, leaves=4), recommender, old)
    else:
        more = TASKS if name == "multi_task" else {"loss": "listwise"}
        model = randomized(make_ranker(name, infos, **more, **options))
    recommender.ranker = Reranker(
        model,
        old.signals,
        old.vectors,
        attributes=attributes,
        formula=FORMULA if name == "multi_task" else None,
    )
    return recommender


def grown(trees, recommender, old):
    queries = recommender.queries([1, 2, 3, 4])
    pool = recommender.retriever(queries, 20)
    told = Reranker(
        trees,
        old.signals,
        old.vectors,
        attributes=Attributes(
            recommender.retriever.encoder,
            recommender.retriever.candidate_encoder,
            recommender.items,
        ),
    )
    features = told.signals(queries, pool, told.vectors) | told.attributes(queries, pool)
    return trees.fit({**features, "label": (pool.ids % 2).astype("float32")})


# JAX compiles every operation of each: those that share least, the rest with the slow tests.
FAST = ("multi_task", "lightgbm")


@pytest.mark.parametrize(
    "name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in RANKERS]
)
def test_a_bundle_with_it_answers_alike(name, base, tmp_path):
    mine = with_ranker(base, name)
    mine.save(tmp_path / "1")
    expected = mine.recommend(ASKED, k=6, explain=True)
    found = Recommender.load(tmp_path / "1", engine="onnx")
    answers = found.recommend(ASKED, k=6, explain=True)
    assert answers.lists() == expected.lists()
    np.testing.assert_allclose(answers.scores, expected.scores, rtol=1e-4, atol=1e-4)
    assert len(np.unique(answers.scores[:3])) > 1
    assert found.ranker.kind == mine.ranker.kind
    assert show(tmp_path / "1")["models"]["ranker/model"] == (
        "LightGBM" if name == "lightgbm" else "ONNX"
    )
    keras = Recommender.load(tmp_path / "1", engine="keras").recommend(ASKED, k=6)
    np.testing.assert_allclose(keras.scores, expected.scores, rtol=1e-4, atol=1e-4)
    found.save(tmp_path / "2")
    assert Recommender.load(tmp_path / "2").recommend(ASKED, k=6).lists() == expected.lists()


def test_a_server_needs_no_framework_for_it(base, tmp_path):
    with_ranker(base, "multi_task").save(tmp_path / "1")
    program = (
        "import sys, json\n"
        "sys.modules.update(dict.fromkeys(['keras', 'jax', 'tensorflow', 'torch']))\n"
        "from shortlist import Recommender\n"
        "found = Recommender.load(sys.argv[1]).recommend([1, 2], k=4, explain=True)\n"
        "print(json.dumps([found.lists(), found.explanations[0][0].task_scores]))\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "1")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    lists, told = json.loads(ended.stdout)
    expected = Recommender.load(tmp_path / "1").recommend([1, 2], k=4)
    assert lists == expected.lists()
    assert told.keys() == {"met", "stars"}


def test_each_item_says_what_its_tasks_say(base, tmp_path):
    with_ranker(base, "multi_task").save(tmp_path / "1")
    recommender = Recommender.load(tmp_path / "1")
    found = recommender.recommend([1, None], k=5, explain=True)
    for said, score in zip(found.explanations[0], found.scores[0], strict=True):
        told = said.task_scores
        assert 0 < told["met"] < 1
        assert 1 <= told["stars"] <= 5
        assert said.ranking_score == pytest.approx(told["met"] * told["stars"] ** 0.5, rel=1e-5)
        assert score == pytest.approx(said.ranking_score)
    assert found.explanations[1][0].task_scores == {}  # what is popular was not ranked


def test_a_new_item_is_ranked_by_its_attributes(base, tmp_path):
    with_ranker(base, "deep_fm").save(tmp_path / "1")
    recommender = Recommender.load(tmp_path / "1")
    known = recommender.items.row(0, named=True)
    recommender.upsert_items([{**known, "item": 999}, {**known, "item": 100, "genres": []}])
    attributes, ids = recommender.ranker.attributes, np.array([[999, 100, 101, 555]])
    queries = recommender.queries([1])
    pool = recommender.retriever(queries, 4)
    told = attributes(queries, type(pool)(ids, pool.scores, np.ones((1, 4), dtype=bool)))
    assert told["item_genres"][0, 0].all()
    assert not told["item_genres"][0, 1].any()
    assert told["item_item"][0].tolist()[0] == 0  # the encoder never saw it
    assert told["item_item"][0, 1] > 0
    assert told["item_genres"][0, 3].tolist() == [0] * told["item_genres"].shape[-1]
    size = recommender.size
    assert 999 in recommender.recommend([1], k=size, exclude_seen=False).lists()[0]


@pytest.mark.slow
def test_saved_models_of_another_ranker(base, tmp_path):
    pytest.importorskip("tensorflow")
    with_ranker(base, "multi_task", experts="shared_bottom").save(tmp_path / "1")
    out = export(tmp_path / "1", tmp_path / "tf", "saved-model")
    assert (out / "ranker" / "model" / "saved_model.pb").exists()


def test_what_cannot_be_kept_is_said(base, tmp_path):
    recommender = with_ranker(base, "mlp", reads_all=False)

    class Mine(type(recommender.ranker.model)):
        pass

    own = Mine({name: FeatureInfo("numeric") for name in SIGNALS}, loss="listwise")
    recommender.ranker = Reranker(own, recommender.ranker.signals, recommender.ranker.vectors)
    with pytest.raises(ConfigError, match="received Mine, which could not be loaded again"):
        recommender.save(tmp_path / "1")
    model, signals, vectors = own, recommender.ranker.signals, recommender.ranker.vectors
    with pytest.raises(ConfigError, match=r"model's tasks, \[\]; received one of \['met'"):
        Reranker(model, signals, vectors, formula=FORMULA)
    tasks = make_ranker("multi_task", {"age": FeatureInfo("numeric")}, tasks={"met": "binary"})
    with pytest.raises(ConfigError, match=r"tasks, \['met'\]; received one of \['met', 'stars'\]"):
        Reranker(tasks, signals, vectors, formula=FORMULA)
    with pytest.raises(ConfigError, match=r"tasks, \['met'\]; received one of \[\]"):
        Reranker(tasks, signals, vectors)


def test_a_ranker_of_a_later_version_is_said(base, tmp_path, monkeypatch):
    from shortlist.recommender import models

    monkeypatch.setattr(models, "ranker_name", lambda _: "of_tomorrow")
    base.save(tmp_path / "1")
    with pytest.raises(BundleError, match=r"ranker that this version does not know: .*tomorrow"):
        Recommender.load(tmp_path / "1", engine="keras")

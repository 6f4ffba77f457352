"""Bundles in the layouts of others: what is written can be read by those it is for."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from shortlist.bundle import read_folder
from shortlist.errors import BundleError, ConfigError, SchemaError
from shortlist.inference import Session
from shortlist.recommender import Recommender
from shortlist.recommender.exporting import export
from shortlist.recommender.mlflow_model import _load_pyfunc

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.backend


def test_onnx_files_hold_their_weights(bundle, tmp_path):
    out = export(bundle, tmp_path / "onnx", "onnx")
    assert {file.name for file in out.iterdir()} == {
        "query.onnx",
        "candidate.onnx",
        "ranker.onnx",
        "manifest.json",
    }
    retriever = Recommender.load(bundle).retriever
    items = {"item": np.array([3, 4], np.int32), "genres": np.array([[1], [2]], np.int32)}
    asked = {**items, "year": np.array([1, 2], np.int32)}
    session = Session(out / "candidate.onnx")
    assert set(session.inputs) <= set(asked)
    np.testing.assert_array_equal(session(asked), retriever.model.embed_candidates(asked))


def test_a_model_repository_is_a_bundle_and_stays_one_when_it_is_fetched(bundle, tmp_path):
    out = export(bundle, tmp_path / "hub", "huggingface")
    assert (out / "README.md").read_text().startswith("---\nlibrary_name: shortlist")
    assert "*.safetensors filter=lfs" in (out / ".gitattributes").read_text()
    for name in (".git/HEAD", ".cache/huggingface/download/x.lock"):
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("x")
    users = [1, None]
    expected = Recommender.load(bundle).recommend(users, k=5).lists()
    assert Recommender.load(out).recommend(users, k=5).lists() == expected
    (out / "more.txt").write_text("x")
    with pytest.raises(BundleError, match=r"more\.txt.*manifest does not"):
        Recommender.load(out)


def test_an_mlflow_model_is_loaded_by_the_module_it_names(bundle, tmp_path):
    out = export(bundle, tmp_path / "mlflow", "mlflow")
    flavor = json.loads((out / "MLmodel").read_text())["flavors"]["python_function"]
    assert flavor["loader_module"] == "shortlist.recommender.mlflow_model"
    assert not [f for f in out.rglob("*") if f.suffix in (".py", ".pkl", ".pickle")]
    model = _load_pyfunc(str(out / flavor["data"]))
    found = model.predict(pd.DataFrame({"user": [1, 2]}), params={"k": 3})
    expected = Recommender.load(bundle).recommend([1, 2], k=3)
    assert list(found.columns) == ["user", "item", "place", "score"]
    assert found[found["user"] == 2]["item"].tolist() == expected.lists()[1]
    session = model.predict({"history": [[103, 104], []]}, params={"k": 2, "where": "year > 2000"})
    assert len(session) == 4
    with pytest.raises(SchemaError, match="'user' or 'history'"):
        model.predict({"usr": [1]})


def test_what_cannot_be_exported(bundle, tmp_path):
    with pytest.raises(ConfigError, match=r"received 'onx'\. Did you mean 'onnx'"):
        export(bundle, tmp_path / "x", "onx")
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_saved_models_answer_as_the_bundle_does(bundle, tmp_path):
    pytest.importorskip("tensorflow")
    out = export(bundle, tmp_path / "tf", "saved-model")
    towers = Recommender.load(bundle).retriever.model
    asked = {
        "item": np.array([3, 4], np.int32),
        "genres": np.array([[1, 2], [3, 0]], np.int32),
    }
    np.savez(tmp_path / "asked.npz", **asked)
    program = (
        "import sys, numpy as np, tensorflow as tf\n"
        "asked = dict(np.load(sys.argv[2]))\n"
        "model = tf.saved_model.load(sys.argv[1] + '/towers/model')\n"
        "np.save(sys.argv[3], model.candidate({k: tf.constant(v) for k, v in asked.items()}))\n"
    )
    words = [sys.executable, "-c", program, out, tmp_path / "asked.npz", tmp_path / "found.npy"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = np.load(tmp_path / "found.npy")
    np.testing.assert_allclose(found, towers.embed_candidates(asked), atol=1e-5)
    assert "ranker/model/saved_model.pb" in read_folder(out, kind="export-saved-model").names

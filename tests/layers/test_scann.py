from __future__ import annotations

import importlib.util
import sys

import keras
import numpy as np
import pytest
from keras import ops

from shortlist import tfrs
from shortlist.errors import ConfigError, DataError, NotFittedError

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
CANDIDATES = RNG.normal(size=(500, 8)).astype("float32")
QUERIES = RNG.normal(size=(3, 8)).astype("float32")
ORDER = np.argsort(-QUERIES @ CANDIDATES.T, axis=1)
WORDS = np.array([f"film {i}" for i in range(500)])


needs_scann = pytest.mark.skipif(
    importlib.util.find_spec("scann") is None, reason="scann is not installed"
)


def made(**options):
    everything = {"num_leaves": 5, "num_leaves_to_search": 5, "num_reordering_candidates": 200}
    return tfrs.layers.factorized_top_k.ScaNN(**{**everything, **options})


def plain(found):
    found = found if isinstance(found, np.ndarray) else ops.convert_to_numpy(found)
    return [[x.decode() if isinstance(x, bytes) else x for x in row] for row in found.tolist()]


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scann", None)
    with pytest.raises(ImportError, match=r"pip install 'shortlist\[scann\]'"):
        made()


@pytest.mark.parametrize("identifiers", [None, np.arange(500) + 7, WORDS])
@needs_scann
def test_with_everything_searched_and_reordered_it_finds_the_best(identifiers):
    names = np.arange(500) if identifiers is None else identifiers
    for parallel in (True, False):
        layer = made(k=5, parallelize_batch_searches=parallel).index(CANDIDATES, identifiers)
        assert not layer.is_exact()
        scores, found = layer(QUERIES)
        assert plain(found) == names[ORDER[:, :5]].tolist()
        expected = np.take_along_axis(QUERIES @ CANDIDATES.T, ORDER[:, :5], axis=1)
        np.testing.assert_allclose(ops.convert_to_numpy(scores), expected, rtol=1e-4)
        assert plain(layer(QUERIES, k=2)[1]) == names[ORDER[:, :2]].tolist()
        _, found = layer.query_with_exclusions(QUERIES, names[ORDER[:, :1]])
        assert plain(found) == names[ORDER[:, 1:6]].tolist()


@needs_scann
def test_a_query_alone_finds_what_it_finds_in_a_batch():
    layer = made(k=5).index(CANDIDATES, WORDS)
    scores, found = layer(QUERIES[0])
    assert plain(found[None]) == WORDS[ORDER[:1, :5]].tolist()
    assert tuple(scores.shape) == (5,)
    with pytest.raises(DataError, match=r"\[B, D\] or \[D\]"):
        layer(QUERIES[None])


@needs_scann
def test_it_is_saved_and_loaded_with_its_options(tmp_path):
    layer = made(k=4).index(CANDIDATES, WORDS)
    layer.save(tmp_path / "index.keras")
    again = keras.models.load_model(tmp_path / "index.keras")
    assert again.get_config() == layer.get_config()
    assert plain(again(QUERIES)[1]) == WORDS[ORDER[:, :4]].tolist()


@needs_scann
def test_a_loaded_layer_finds_the_same_where_the_search_is_coarse(tmp_path):
    coarse = {"num_leaves": 20, "num_leaves_to_search": 3, "num_reordering_candidates": None}
    layer = made(k=20, **coarse).index(CANDIDATES)
    layer.save(tmp_path / "index.keras")
    again = keras.models.load_model(tmp_path / "index.keras")
    for before, after in zip(layer(QUERIES), again(QUERIES), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(before), ops.convert_to_numpy(after))


@needs_scann
def test_damage_to_what_was_learned_is_an_error(tmp_path):
    layer = made().index(CANDIDATES)
    layer.save_assets(str(tmp_path))
    other = made().index(CANDIDATES[:400])
    with pytest.raises(DataError, match="trained on 500 candidates and holds 400"):
        other.load_assets(str(tmp_path))
    for file in tmp_path.iterdir():
        file.write_bytes(b"x")
    with pytest.raises(DataError, match="nothing ScaNN reads"):
        layer.load_assets(str(tmp_path))


@needs_scann
def test_bad_use_is_refused(tmp_path):
    layer = made()
    with pytest.raises(NotFittedError, match="before it had candidates"):
        layer(QUERIES)
    with pytest.raises(DataError, match=r"ScaNN expected candidates \[N, D\]"):
        layer.index(CANDIDATES[0])
    with pytest.raises(DataError, match="an identifier for each of the 500"):
        layer.index(CANDIDATES, WORDS[:3])
    layer.index(CANDIDATES)
    with pytest.raises(DataError, match=r"queries \[B, 8\]"):
        layer(QUERIES[:, :5])
    with pytest.raises(ConfigError, match="BruteForce"):
        layer.export(tmp_path / "model")

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist import tfrs
from shortlist.errors import DataError

pytest.importorskip("faiss")
pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
CANDIDATES = RNG.normal(size=(3000, 8)).astype("float32")
QUERIES = RNG.normal(size=(3, 8)).astype("float32")
ORDER = np.argsort(-QUERIES @ CANDIDATES.T, axis=1)
WORDS = np.array([f"film {i}" for i in range(3000)])
# Every part is searched and every candidate rescored, so the best are found.
ALL = {"kind": "ivf", "parts": 5, "searched": 5, "rescored": 600.0}


def made(**options):
    return tfrs.layers.factorized_top_k.Faiss(**options)


def plain(found):
    found = found if isinstance(found, np.ndarray) else ops.convert_to_numpy(found)
    return [[x.decode() if isinstance(x, bytes) else x for x in row] for row in found.tolist()]


@pytest.mark.parametrize("identifiers", [None, np.arange(3000) + 7, WORDS])
@pytest.mark.parametrize("options", [{}, ALL], ids=["flat", "ivf"])
def test_it_finds_the_best(identifiers, options):
    names = np.arange(3000) if identifiers is None else identifiers
    layer = made(k=5, **options).index(CANDIDATES, identifiers)
    assert layer.is_exact() == (not options)
    scores, found = layer(QUERIES)
    assert plain(found) == names[ORDER[:, :5]].tolist()
    expected = np.take_along_axis(QUERIES @ CANDIDATES.T, ORDER[:, :5], axis=1)
    np.testing.assert_allclose(ops.convert_to_numpy(scores), expected, rtol=1e-4)
    assert plain(layer(QUERIES, k=2)[1]) == names[ORDER[:, :2]].tolist()
    _, found = layer.query_with_exclusions(QUERIES, names[ORDER[:, :1]])
    assert plain(found) == names[ORDER[:, 1:6]].tolist()


def test_it_is_saved_and_loaded_with_its_options(tmp_path):
    model = keras.Sequential([keras.layers.Dense(8)])
    layer = made(query_model=model, k=4, **ALL).index(CANDIDATES, WORDS)
    expected = plain(layer(QUERIES)[1])
    layer.save(tmp_path / "index.keras")
    again = keras.models.load_model(tmp_path / "index.keras")
    assert {name: again.get_config()[name] for name in ALL} == ALL
    assert plain(again(QUERIES)[1]) == expected


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel")
def test_it_is_exported_as_a_brute_force_search(tmp_path):
    import tensorflow as tf

    layer = made(k=4, **ALL).index(CANDIDATES, WORDS)
    layer(QUERIES)
    layer.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    assert plain(loaded.serve(tf.constant(QUERIES))[1]) == WORDS[ORDER[:, :4]].tolist()
    assert (
        plain(loaded(tf.constant(QUERIES[:1]), tf.constant(7))[1]) == WORDS[ORDER[:1, :7]].tolist()
    )


def test_queries_of_another_width_are_refused():
    with pytest.raises(DataError, match=r"queries \[B, 8\]"):
        made().index(CANDIDATES)(QUERIES[:, :5])

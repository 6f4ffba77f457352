from __future__ import annotations

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError, DataError, NotFittedError
from shortlist.layers.factorized_top_k import BruteForce, Streaming, TopK
from shortlist.metrics import FactorizedTopK

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
CANDIDATES = RNG.normal(size=(20, 4)).astype("float32")
QUERIES = RNG.normal(size=(3, 4)).astype("float32")
WORDS = np.array([f"film {i}" for i in range(20)])
ORDER = np.argsort(-QUERIES @ CANDIDATES.T, axis=1)
NUMBERS = np.arange(100, 120, dtype="int32")


def plain(found):
    found = found if isinstance(found, np.ndarray) else ops.convert_to_numpy(found)
    return [[x.decode() if isinstance(x, bytes) else x for x in row] for row in found.tolist()]


def batches(identifiers):
    if identifiers is None:
        return [CANDIDATES[:7], CANDIDATES[7:]]
    return [(identifiers[:7], CANDIDATES[:7]), (identifiers[7:], CANDIDATES[7:])]


def layers(identifiers, **options):
    return [
        BruteForce(**options).index(CANDIDATES, identifiers),
        BruteForce(**options).index_from_dataset(batches(identifiers)),
        Streaming(**options).index_from_dataset(batches(identifiers)),
    ]


@pytest.mark.parametrize("identifiers", [None, NUMBERS, WORDS])
def test_the_best_are_found_best_first_with_their_identifiers(identifiers):
    names = np.arange(20) if identifiers is None else identifiers
    for layer in layers(identifiers, k=5):
        assert isinstance(layer, TopK)
        assert layer.is_exact()
        scores, found = layer(QUERIES)
        assert plain(found) == names[ORDER[:, :5]].tolist()
        expected = np.take_along_axis(QUERIES @ CANDIDATES.T, ORDER[:, :5], axis=1)
        np.testing.assert_allclose(ops.convert_to_numpy(scores), expected, rtol=1e-5)
        assert plain(layer(QUERIES, k=2)[1]) == names[ORDER[:, :2]].tolist()
        assert plain(layer(QUERIES, k=50)[1]) == names[ORDER].tolist()


@pytest.mark.parametrize("identifiers", [None, NUMBERS, WORDS])
def test_what_is_excluded_is_not_found_and_never_comes_back(identifiers):
    names = np.arange(20, dtype="int32") if identifiers is None else identifiers
    for layer in layers(identifiers, k=3):
        scores, found = layer.query_with_exclusions(QUERIES, names[ORDER[:, [0, 2]]].tolist())
        assert plain(found) == names[ORDER[:, [1, 3, 4]]].tolist()
        assert np.isfinite(ops.convert_to_numpy(scores)).all()
        scores, found = layer.query_with_exclusions(QUERIES, names[ORDER[:, 1:]], k=2)
        nothing = "" if identifiers is WORDS else -1
        assert plain(found) == [[name, nothing] for name in names[ORDER[:, 0]].tolist()]
        assert np.isneginf(ops.convert_to_numpy(scores)[:, 1]).all()


def test_a_query_model_is_applied_to_queries_of_any_kind():
    class Doubled(keras.layers.Layer):
        def call(self, features):
            return 2.0 * features["vector"]

    layer = BruteForce(Doubled(), k=2).index(CANDIDATES)
    scores, found = layer({"vector": QUERIES})
    assert plain(found) == ORDER[:, :2].tolist()
    np.testing.assert_allclose(
        ops.convert_to_numpy(scores)[:, 0], 2 * (QUERIES @ CANDIDATES.T).max(axis=1), rtol=1e-5
    )
    assert plain(layer.query_with_exclusions({"vector": QUERIES}, ORDER[:, :1])[1]) == (
        ORDER[:, 1:3].tolist()
    )


def test_candidates_can_be_exchanged_for_another_number_of_them():
    layer = BruteForce(k=1).index(CANDIDATES, WORDS)
    layer(QUERIES)
    layer.index(CANDIDATES[:4])
    best = (QUERIES @ CANDIDATES[:4].T).argmax(axis=1)
    assert plain(layer(QUERIES)[1]) == best[:, None].tolist()
    assert len(layer.variables) == 1


@pytest.mark.parametrize("identifiers", [None, NUMBERS, np.array([*WORDS[:-1], "été ☃"])])
def test_it_is_saved_and_loaded_with_all_it_needs(identifiers, tmp_path):
    model = keras.Sequential([keras.layers.Dense(4)])
    before = BruteForce(model, k=3).index(CANDIDATES, identifiers)
    expected = before(QUERIES)
    before.save(tmp_path / "index.keras")
    after = keras.models.load_model(tmp_path / "index.keras")
    for k in (None, 20):
        scores, found = after(QUERIES, k=k)
        assert plain(found)[0][:3] == plain(expected[1])[0]
    assert isinstance(after, BruteForce)
    np.testing.assert_allclose(
        ops.convert_to_numpy(scores)[:, :3], ops.convert_to_numpy(expected[0]), rtol=1e-5
    )


def test_one_without_candidates_is_saved_too(tmp_path):
    BruteForce(k=3).save(tmp_path / "index.keras")
    after = keras.models.load_model(tmp_path / "index.keras")
    assert plain(after.index(CANDIDATES)(QUERIES)[1]) == ORDER[:, :3].tolist()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel, strings inside")
def test_it_is_exported_as_a_saved_model_that_plain_tensorflow_calls(tmp_path):
    import tensorflow as tf

    lookup = keras.layers.StringLookup(vocabulary=["a", "b"], mask_token=None)
    table = keras.layers.Embedding(3, 4)
    layer = BruteForce(keras.Sequential([lookup, table]), k=3).index(CANDIDATES, WORDS)
    expected = plain(layer(np.array(["a", "b"]))[1])
    signature = [keras.InputSpec(shape=(None,), dtype="string")]
    layer.export(tmp_path / "model", input_signature=signature, verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    assert plain(loaded.serve(tf.constant(["a", "b"]))[1]) == expected
    assert plain(loaded.serve(tf.constant(["b"]))[1]) == expected[1:]


PLAIN = """
import sys
for name in ("shortlist", "keras", "tf_keras", "tensorflow_recommenders"):
    sys.modules[name] = None
import json
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
ask, both = tf.constant(["a", "b"]), []
both.append(loaded.serve(ask)[1])
both.append(loaded.serve(ask[:1], tf.constant(5))[1])
both.append(loaded.serve(ask, k=tf.constant(2))[1])
both.append(loaded.serve(ask, tf.constant(50))[1])
both.append(loaded.query_with_exclusions(ask, both[0][:, :2])[1])
both.append(loaded.query_with_exclusions(ask, both[0][:, :1], tf.constant(2))[1])
if "serving_default" in loaded.signatures:
    both.append(loaded.signatures["serving_default"](ask)["identifiers"])
print(json.dumps([[[w.decode() for w in row] for row in x.numpy().tolist()] for x in both]))
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's")
@pytest.mark.parametrize("way", ["export", "bare"])
def test_plain_tensorflow_calls_a_saved_model_with_any_k_and_batch_size(tmp_path, way):
    import tensorflow as tf

    lookup = keras.layers.StringLookup(vocabulary=["a", "b"], mask_token=None)
    table = keras.layers.Embedding(3, 4)
    made = BruteForce(keras.Sequential([lookup, table]), k=3).index(CANDIDATES, WORDS)
    made(np.array(["a", "b"]))
    made.save(tmp_path / "index.keras")
    layer = keras.models.load_model(tmp_path / "index.keras")
    order = plain(layer(np.array(["a", "b"]), k=20)[1])
    assert order == plain(made(np.array(["a", "b"]), k=20)[1])
    if way == "export":
        layer.export(tmp_path / "model")
    else:
        tf.saved_model.save(layer, str(tmp_path / "model"))
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found[0] == [row[:3] for row in order]
    assert found[1] == [order[0][:5]]
    assert found[2] == [row[:2] for row in order]
    assert found[3] == order
    assert found[4] == [row[2:5] for row in order]
    assert found[5] == [row[1:3] for row in order]
    assert found[6:] == ([found[0]] if way == "export" else [])


def test_factorized_top_k_takes_a_layer():
    rows = np.array([ORDER[0, 0], ORDER[1, 1], ORDER[2, 9]])
    for layer in layers(None, k=3):
        metric = FactorizedTopK(layer, ks=(1, 2, 5))
        metric.update_state(QUERIES, CANDIDATES[rows])
        assert [float(x) for x in metric.result().values()] == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_words_that_a_backend_cannot_hold_leave_the_metric_to_scores():
    for layer in layers(WORDS):
        metric = FactorizedTopK(layer, ks=(1,))
        metric.update_state(QUERIES, CANDIDATES[ORDER[:, 0]])
        assert [float(x) for x in metric.result().values()] == [1.0]


@pytest.mark.parametrize("layer", [BruteForce, Streaming])
def test_a_layer_without_candidates_says_so(layer):
    with pytest.raises(NotFittedError, match="before it had candidates"):
        layer()(QUERIES)
    with pytest.raises(ValueError, match="before it had candidates"):
        layer()(QUERIES)


def test_bad_candidates_and_queries_are_refused():
    with pytest.raises(DataError, match=r"candidates \[N, D\]"):
        BruteForce().index(CANDIDATES[0])
    with pytest.raises(DataError, match="an identifier for each of the 20"):
        BruteForce().index(CANDIDATES, NUMBERS[:3])
    with pytest.raises(DataError, match="received none"):
        BruteForce().index_from_dataset([])
    with pytest.raises(DataError, match="tuple of 3"):
        BruteForce().index_from_dataset([(NUMBERS, NUMBERS, CANDIDATES)])
    with pytest.raises(DataError, match="each of the 20 candidates of a batch"):
        BruteForce().index_from_dataset([(NUMBERS[:2], CANDIDATES)])
    with pytest.raises(DataError, match=r"candidate embeddings \[N, D\]"):
        BruteForce().index_from_dataset([NUMBERS])
    with pytest.raises(DataError, match=r"query embeddings \[B, D\]"):
        BruteForce().index(CANDIDATES)(QUERIES[0])
    with pytest.raises(ConfigError, match="index_from_dataset"):
        Streaming().index(CANDIDATES)
    with pytest.raises(ConfigError, match="only once"):
        Streaming().index_from_dataset(iter([CANDIDATES]))
    with pytest.raises(DataError, match="is empty"):
        Streaming().index_from_dataset([])(QUERIES)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data with TensorFlow")
@pytest.mark.parametrize("identifiers", [None, NUMBERS, WORDS])
def test_data_sets_are_searched_inside_the_graph(identifiers):
    import tensorflow as tf

    slices = CANDIDATES if identifiers is None else (identifiers, CANDIDATES)
    names = np.arange(20) if identifiers is None else identifiers
    layer = Streaming(k=4).index_from_dataset(tf.data.Dataset.from_tensor_slices(slices).batch(3))
    search = tf.function(layer.call)
    assert plain(search(tf.constant(QUERIES))[1]) == names[ORDER[:, :4]].tolist()
    without = tf.function(lambda q, e: layer.query_with_exclusions(q, e, k=1))
    excluded = tf.constant(names[ORDER[:, :2]])
    assert plain(without(tf.constant(QUERIES), excluded)[1]) == names[ORDER[:, 2:3]].tolist()


def test_queries_of_another_width_are_refused():
    with pytest.raises(DataError, match=r"expected queries \[B, 4\]"):
        BruteForce().index(CANDIDATES)(QUERIES[:, :3])


def test_a_layer_of_ones_own_writes_three_methods():
    class Reversed(TopK):
        def index(self, candidates, identifiers=None):
            self.candidates, self.identifiers = candidates, ops.convert_to_tensor(identifiers)
            return self

        def call(self, queries, k=None):
            scores = -ops.matmul(queries, ops.transpose(self.candidates))
            scores, columns = ops.top_k(scores, k or self._k)
            return scores, ops.take(self.identifiers, columns)

        def is_exact(self):
            return True

    layer = Reversed(k=3, name="reversed").index_from_dataset(batches(NUMBERS))
    worst = ORDER[:, ::-1] + 100
    assert layer.name == "reversed"
    assert plain(layer(QUERIES)[1]) == worst[:, :3].tolist()
    assert plain(layer.query_with_exclusions(QUERIES, worst[:, :2])[1]) == worst[:, 2:5].tolist()
    metric = FactorizedTopK(layer, ks=(1, 5))
    metric.update_state(-QUERIES, CANDIDATES[ORDER[:, 2]], NUMBERS[ORDER[:, 2]])
    assert [float(x) for x in metric.result().values()] == [0.0, 1.0]


def test_a_stream_cannot_be_exported_and_says_what_can(tmp_path):
    layer = Streaming().index_from_dataset([CANDIDATES])
    layer(QUERIES)
    with pytest.raises(ConfigError, match="BruteForce"):
        layer.export(tmp_path / "model")
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with pytest.raises(ConfigError, match="BruteForce"):
            tf.saved_model.save(layer, str(tmp_path / "model"))


def test_exporting_a_layer_never_asked_says_what_to_do(tmp_path):
    if keras.backend.backend() == "tensorflow":
        with pytest.raises(ConfigError, match="input_signature"):
            BruteForce().index(CANDIDATES).export(tmp_path / "model")

import sys

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError, DataError, MissingDependencyError
from shortlist.layers import (
    Embedding,
    FeatureConfig,
    PartialTPUEmbedding,
    TableConfig,
    TPUEmbedding,
    _distributed,
)
from shortlist.models import Model

pytestmark = pytest.mark.backend

IDS = np.array([[1, 2, 0], [3, 0, 0], [5, 5, 5]], "int32")
WEIGHTS = np.array([[1, 2, 0], [0, 0, 0], [1, 0.5, 3]], "float32")
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow has ragged tensors"
)


def array(x):
    return ops.convert_to_numpy(x)


def combined(table, combiner):
    """A loop over the lists, with zeros for the empty one."""
    rows = []
    for ids, weights in zip(IDS, WEIGHTS, strict=True):
        total = sum(w * table[i] for i, w in zip(ids, weights, strict=True))
        below = {"sum": 1, "mean": weights.sum(), "sqrtn": np.sqrt((weights**2).sum())}[combiner]
        rows.append(total / below if below else 0 * total)
    return np.array(rows)


@pytest.mark.parametrize("combiner", ["mean", "sum", "sqrtn"])
def test_lists_equal_a_loop(combiner):
    table = TableConfig(6, 4, combiner=combiner)
    layer = TPUEmbedding({"a": FeatureConfig(table), "b": FeatureConfig(table)}, "sgd")
    found = layer({"a": IDS, "b": IDS[:, 0]}, {"a": WEIGHTS, "b": None})
    rows = array(layer.embedding_tables[table])
    np.testing.assert_allclose(array(found["a"]), combined(rows, combiner), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(array(found["b"]), rows[IDS[:, 0]], rtol=1e-6)


@on_tensorflow
@pytest.mark.parametrize("kind", ["ragged", "sparse"])
@pytest.mark.parametrize("combiner", ["mean", "sum", "sqrtn"])
def test_ragged_and_sparse_lists_equal_dense_ones(kind, combiner):
    import tensorflow as tf

    lists = tf.ragged.constant([[1, 2], [], [5, 5, 5]])
    weights = tf.ragged.constant([[1.0, 2.0], [], [1.0, 0.5, 3.0]])
    if kind == "sparse":
        lists, weights = lists.to_sparse(), weights.to_sparse()
    layer = TPUEmbedding(FeatureConfig(TableConfig(6, 4, combiner=combiner)), "sgd")
    expected = array(layer(IDS, WEIGHTS))
    np.testing.assert_allclose(array(layer(lists, weights)), expected, rtol=1e-6, atol=1e-7)
    with pytest.raises(DataError, match="same kind"):
        layer(lists, WEIGHTS)
    sequence = TPUEmbedding(FeatureConfig(TableConfig(6, 4), max_sequence_length=2), "sgd")
    found = array(sequence(lists))
    rows = array(sequence.tables[0].table)
    zero = np.zeros(4)
    expected = [[rows[1], rows[2]], [zero, zero], [rows[5], rows[5]]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@on_tensorflow
def test_an_output_shape_and_the_objects_of_tensorflow():
    import tensorflow as tf

    embedding = tf.tpu.experimental.embedding
    table = embedding.TableConfig(8, 3, name="t", optimizer=embedding.SGD(0.5, clipvalue=1.0))
    config = {
        "a": embedding.FeatureConfig(table, output_shape=[1, 2]),
        "b": embedding.FeatureConfig(table, output_shape=[2, 3]),
    }
    layer = TPUEmbedding(config, embedding.Adagrad(0.1))
    lists = tf.ragged.constant([[1, 2], [3]])
    found = layer({"a": lists, "b": lists})
    assert found["a"].shape == (1, 2, 3)
    assert found["b"].shape == (2, 3, 3)
    assert layer.tables[0].optimizer.clipvalue == 1.0
    assert layer.optimizer.epsilon == 0.0
    assert list(layer.embedding_tables) == [table]
    with pytest.raises(ConfigError, match="only a TPU"):
        TPUEmbedding(config, embedding.Adagrad(0.1, clip_weight_max=1.0))


def fitted(layer, features):
    class Sum(Model):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def compute_loss(self, features, training=False):
            return ops.sum(ops.square(self.layer(features) - 1.0))

    model = Sum()
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(features, batch_size=4, epochs=2, shuffle=False, verbose=0)


def test_it_trains_as_an_embedding_with_that_optimizer():
    ids = np.array([1, 1, 2, 4, 3, 1, 0, 0], "int32")
    start = keras.initializers.Constant(0.3)
    layer = TPUEmbedding(FeatureConfig(TableConfig(6, 2, start)), "adagrad")
    other = Embedding(6, 2, embeddings_initializer=start, optimizer="adagrad")
    fitted(layer, ids)
    fitted(other, ids)
    rows = array(layer.tables[0].table)
    np.testing.assert_allclose(rows, array(other.table), rtol=1e-6)
    assert rows[1, 0] > 0.3 == pytest.approx(rows[5, 0])


def test_features_of_serving_and_new_tables():
    table = TableConfig(6, 2)
    layer = TPUEmbedding({"a": FeatureConfig(table)}, None)
    layer.update_embedding_table(table, np.arange(12.0).reshape(6, 2))
    found = layer({"x": np.array([5])}, serving_config={"x": FeatureConfig(table)})
    assert array(found["x"]).tolist() == [[10.0, 11.0]]
    with pytest.raises(ConfigError, match="same TableConfig"):
        layer({"x": np.array([5])}, serving_config={"x": FeatureConfig(TableConfig(6, 2))})
    with pytest.raises(ConfigError, match="no table"):
        layer.update_embedding_table(TableConfig(6, 2), np.zeros((6, 2)))


def nested():
    shared = TableConfig(6, 4, "ones", keras.optimizers.Adagrad(0.5), "sum", "shared")
    first = FeatureConfig(shared, max_sequence_length=3, name="first")
    return {"a": first, "b": [FeatureConfig(shared), FeatureConfig(TableConfig(3, 2))]}


def test_config_round_trip_and_saving(tmp_path):
    layer = TPUEmbedding(nested(), "adam", batch_size=8, name="tables")
    again = TPUEmbedding.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert [len(layer.tables), len(again.tables)] == [2, 2]
    inputs = keras.Input((), dtype="int32")
    model = keras.Model(inputs, TPUEmbedding(FeatureConfig(TableConfig(6, 4)), "sgd")(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(array(loaded(IDS[:, 0])), array(model(IDS[:, 0])), rtol=1e-6)


def test_what_is_refused():
    table = TableConfig(6, 2)
    with pytest.raises(ConfigError, match="Did you mean 'mean'"):
        TPUEmbedding(FeatureConfig(TableConfig(6, 2, combiner="meam")), "sgd")
    with pytest.raises(ConfigError, match="expected a FeatureConfig"):
        TPUEmbedding({"a": table}, "sgd")
    with pytest.raises(ConfigError, match="Did you mean 'sgd'"):
        TPUEmbedding(FeatureConfig(table), "sdg")
    with pytest.raises(ConfigError, match="received int"):
        TPUEmbedding(FeatureConfig(table), 7)
    layer = TPUEmbedding({"title": FeatureConfig(table)}, "sgd")
    with pytest.raises(DataError, match="Did you mean 'title'"):
        layer({"titel": IDS})
    with pytest.raises(DataError, match="one shape"):
        layer({"title": IDS}, {"title": WEIGHTS[:, :2]})
    sequence = TPUEmbedding({"title": FeatureConfig(table, max_sequence_length=2)}, "sgd")
    with pytest.raises(DataError, match="dense one of shape"):
        sequence({"title": IDS})


def test_a_tpu_needs_its_library_and_can_do_without(monkeypatch):
    monkeypatch.setattr(_distributed, "on_tpu", lambda: True)
    monkeypatch.setitem(sys.modules, "keras_rs", None)
    config = FeatureConfig(TableConfig(6, 2))
    with pytest.raises(MissingDependencyError, match="shortlist\\[tpu\\]"):
        TPUEmbedding(config, "sgd")
    assert TPUEmbedding(config, "sgd", embedding_feature="UNSUPPORTED").tables


def test_small_tables_stay_beside_the_model():
    small, large = TableConfig(10, 4), TableConfig(11, 4)
    config = {"a": FeatureConfig(small), "b": FeatureConfig(small), "c": FeatureConfig(large)}
    layer = PartialTPUEmbedding(config, "sgd", size_threshold=10)
    found = layer({name: np.array([1, 2]) for name in "abc"})
    assert {name: tuple(x.shape) for name, x in found.items()} == dict.fromkeys("abc", (2, 4))
    assert layer.keras_embedding_layers["a"] is layer.keras_embedding_layers["b"]
    assert len(layer.weights) == 2
    assert list(layer.tpu_embedding.embedding_tables) == [large]
    assert PartialTPUEmbedding(config, None, size_threshold=None).tpu_embedding is None
    assert not PartialTPUEmbedding(config, None, size_threshold=0).keras_embedding_layers
    again = PartialTPUEmbedding.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    with pytest.raises(DataError, match="'bb'"):
        layer({"bb": np.array([1])})


@on_tensorflow
def test_small_tables_take_dense_ids_only():
    import tensorflow as tf

    layer = PartialTPUEmbedding({"a": FeatureConfig(TableConfig(10, 4))}, "sgd")
    with pytest.raises(DataError, match="dense tensor"):
        layer({"a": tf.ragged.constant([[1], [2, 3]])})

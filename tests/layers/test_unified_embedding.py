import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError, DataError
from shortlist.layers import UnifiedEmbedding, UnifiedEmbeddingConfig
from shortlist.layers._strong_hash import strong_hash

pytestmark = pytest.mark.backend

FEATURES = {"city": np.array([3, 5, 3], "int32"), "age": np.array([3, 40, 1], "int32")}


def made():
    config = UnifiedEmbeddingConfig(50, 4, num_tables=3, name="all", combiner="sum")
    config.add_feature("city", 2)
    config.add_feature("age", 3)
    return config


def test_shapes_order_and_the_tables_in_turn():
    config = made()
    layer = UnifiedEmbedding(config, "sgd", name="unified")
    city, age = layer({**FEATURES, "unused": np.zeros(3)})
    assert (city.shape, age.shape) == ((3, 8), (3, 12))
    np.testing.assert_array_equal(*(ops.convert_to_numpy(city)[i] for i in (0, 2)))
    assert len(layer.weights) == 3
    used = [c.table.name for f in config.embedding_config.values() for c in f.values()]
    assert used == ["all_0", "all_1", "all_2", "all_0", "all_1"]


def test_chunks_are_the_rows_of_their_buckets():
    config = made()
    layer = UnifiedEmbedding(config, "sgd")
    found = ops.convert_to_numpy(layer(FEATURES)[0])
    tables = layer._embedding_layer.embedding_tables
    tables = {config.name: ops.convert_to_numpy(table) for config, table in tables.items()}
    for chunk in range(2):
        buckets = ops.convert_to_numpy(strong_hash(FEATURES["city"], 50, [[0, chunk]])[0])
        rows = tables[f"all_{chunk}"][buckets]
        np.testing.assert_allclose(found[:, 4 * chunk : 4 * chunk + 4], rows, rtol=1e-6)


def test_config_round_trip_and_saving(tmp_path):
    layer = UnifiedEmbedding(made(), keras.optimizers.Adagrad(0.2), name="unified")
    again = UnifiedEmbedding.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    inputs = {name: keras.Input((), dtype="int32", name=name) for name in FEATURES}
    model = keras.Model(inputs, keras.layers.Concatenate()(layer(inputs)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    got, expected = (ops.convert_to_numpy(m(FEATURES)) for m in (loaded, model))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow has strings")
def test_strings_and_ragged_lists():
    import tensorflow as tf

    layer = UnifiedEmbedding(made(), "sgd")
    lists = tf.ragged.constant([["a", "b"], ["c"], []])
    city, age = layer({"city": np.array(["x", "y", "x"]), "age": lists})
    assert (city.shape, age.shape) == ((3, 8), (3, 12))
    assert not np.any(age[2])
    texts = {name: values.astype(str) for name, values in FEATURES.items()}
    for by_number, by_text in zip(layer(FEATURES), layer(texts), strict=True):
        np.testing.assert_array_equal(by_number, by_text)


def test_what_is_refused():
    with pytest.raises(ConfigError, match="num_tables"):
        UnifiedEmbeddingConfig(50, 4, 0, "all")
    with pytest.raises(ConfigError, match="new name"):
        made().add_feature("city", 1)
    with pytest.raises(DataError, match="'age'"):
        UnifiedEmbedding(made(), "sgd")({"city": FEATURES["city"]})

from __future__ import annotations

import contextlib

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from shortlist.errors import ConfigError, DataError
from shortlist.layers import Embedding
from shortlist.models import Model

pytestmark = pytest.mark.backend

BACKEND = keras.backend.backend()
ROWS, WIDTH = 7, 4


def numpy(x):
    return ops.convert_to_numpy(x)


def layer_and_table(**options):
    layer = Embedding(ROWS, WIDTH, **options)
    layer.build()
    table = np.random.default_rng(2).normal(size=(ROWS, WIDTH)).astype("float32")
    layer.set_weights([table])
    return layer, table.astype("float64")


def combined(table, ids, weights, combiner):
    out = np.zeros((*ids.shape[:-1], WIDTH))
    for place in np.ndindex(ids.shape[:-1]):
        w = weights[place]
        total = {
            "sum": 1.0,
            "mean": w.sum(),
            "sqrtn": np.sqrt((w**2).sum()),
        }[combiner]
        if total:
            out[place] = (table[ids[place]] * w[:, None]).sum(axis=0) / total
    return out


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 0), (0,)])
def test_a_vector_an_id(shape):
    layer, table = layer_and_table()
    ids = np.random.default_rng(0).integers(0, ROWS, shape).astype("int32")
    out = numpy(layer(ids))
    assert out.shape == (*shape, WIDTH)
    np.testing.assert_allclose(out, table[ids], rtol=1e-6)


@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
@given(
    ids=st.lists(st.integers(0, ROWS - 1), min_size=6, max_size=6),
    weights=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=6, max_size=6),
    mask_zero=st.booleans(),
)
def test_combiners_equal_their_formula(combiner, ids, weights, mask_zero):
    layer, table = layer_and_table(combiner=combiner, mask_zero=mask_zero)
    ids, weights = np.array(ids, "int32").reshape(2, 3), np.array(weights).reshape(2, 3)
    counted = weights * (ids != 0) if mask_zero else weights
    out = numpy(layer(ids, weights.astype("float32")))
    np.testing.assert_allclose(out, combined(table, ids, counted, combiner), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
def test_nothing_combined_is_zeros(combiner):
    layer, _ = layer_and_table(combiner=combiner, mask_zero=True)
    np.testing.assert_array_equal(numpy(layer(np.zeros((2, 3), "int32"))), np.zeros((2, WIDTH)))
    np.testing.assert_array_equal(numpy(layer(np.zeros((2, 0), "int32"))), np.zeros((2, WIDTH)))
    layer, _ = layer_and_table(combiner=combiner)
    out = layer(np.ones((2, 3), "int32"), np.zeros((2, 3), "float32"))
    np.testing.assert_array_equal(numpy(out), np.zeros((2, WIDTH)))


def test_padding_does_not_change_what_is_combined():
    layer, _ = layer_and_table(combiner="mean", mask_zero=True)
    short = numpy(layer(np.array([[3, 5]], "int32")))
    padded = numpy(layer(np.array([[3, 5, 0, 0]], "int32")))
    np.testing.assert_allclose(padded, short, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
def test_ids_of_any_integer_type(dtype):
    if BACKEND == "torch" and dtype == "uint64":
        pytest.skip("Keras makes no tensor of uint64 on PyTorch")
    layer, table = layer_and_table()
    np.testing.assert_allclose(numpy(layer(np.array([1, 6], dtype))), table[[1, 6]], rtol=1e-6)


@pytest.mark.parametrize("bad", [-1, ROWS])
def test_an_id_out_of_range_is_named_with_its_table(bad):
    layer, _ = layer_and_table(name="item")
    with pytest.raises(DataError, match=rf"'item' expected ids from 0 to 6; received {bad}"):
        layer(np.array([0, bad], "int32"))


class Summed(Model):
    def __init__(self, layer):
        super().__init__()
        self.table = layer

    def compute_loss(self, features, training=False):
        return ops.sum(ops.cast(self.table(features["id"]), "float32"))


@pytest.mark.parametrize(
    ("bad", "method", "place"),
    [(-1, "fit", 1), (2**31 - 1, "fit", 10), (ROWS, "evaluate", 1), (-7, "evaluate", 10)],
)
def test_an_id_out_of_range_stops_training_and_evaluation(bad, method, place):
    layer, _ = layer_and_table(name="item")
    model = Summed(layer)
    model.compile("sgd")
    ids = np.zeros(11, "int64")
    ids[place] = bad
    with pytest.raises(DataError, match=rf"'item' expected ids from 0 to 6; received {bad}"):
        getattr(model, method)({"id": ids}, batch_size=4, verbose=0)
    # The model is whole, and goes on with good ids.
    model.fit({"id": np.zeros(11, "int64")}, batch_size=4, verbose=0)


def test_an_id_out_of_range_of_64_bits_is_no_other_id():
    layer, _ = layer_and_table(name="item")
    model = Summed(layer)
    model.compile("sgd")
    with pytest.raises(DataError, match="'item' expected ids from 0 to 6; received 4294967297"):
        model.fit({"id": np.array([2**32 + 1, 1])}, verbose=0)


def test_another_compiled_keras_model_clips_no_id_in_silence():
    layer, _ = layer_and_table()
    model = keras.Sequential([keras.Input((1,), dtype="int32"), layer])
    with contextlib.suppress(DataError, Exception if BACKEND == "tensorflow" else DataError):
        out = model.predict(np.array([[ROWS]], "int32"), verbose=0)
        assert np.isnan(out).all()


def test_strings_are_refused():
    if BACKEND != "tensorflow":
        pytest.skip("only TensorFlow has string tensors")
    with pytest.raises(DataError, match="integer ids; received string"):
        layer_and_table()[0](ops.convert_to_tensor(["a"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_dim": 0}, "input_dim to be an integer of at least 1; received 0"),
        ({"output_dim": 2.5}, r"output_dim to be an integer of at least 1; received 2\.5"),
        ({"input_dim": True}, "received True"),
        ({"combiner": "maen"}, "Did you mean 'mean'"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ConfigError, match=message):
        Embedding(**{"input_dim": 3, "output_dim": 2, **options})


def test_weights_without_a_combiner_are_refused():
    with pytest.raises(ConfigError, match="no combiner"):
        layer_and_table()[0](np.array([[1]]), np.array([[1.0]]))


def test_config_round_trip():
    layer = Embedding(
        ROWS,
        WIDTH,
        combiner="sqrtn",
        mask_zero=True,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.5),
        embeddings_regularizer=keras.regularizers.L2(0.1),
        optimizer=keras.optimizers.SGD(0.5),
        name="genre",
    )
    again = Embedding.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_the_initializer_is_used():
    layer = Embedding(1000, 8, embeddings_initializer=keras.initializers.RandomNormal(stddev=3.0))
    layer.build()
    assert np.std(numpy(layer.table.value)) == pytest.approx(3.0, rel=0.1)


def test_mask_of_single_ids_and_none_of_combined():
    layer, _ = layer_and_table(mask_zero=True)
    ids = np.array([[1, 0]], "int32")
    np.testing.assert_array_equal(numpy(layer.compute_mask(ids)), [[True, False]])
    assert layer_and_table(mask_zero=True, combiner="sum")[0].compute_mask(ids) is None
    assert layer_and_table()[0].compute_mask(ids) is None


def test_symbolic_shapes():
    single = Embedding(ROWS, WIDTH)(keras.Input((5,), dtype="int32"))
    combined_ = Embedding(ROWS, WIDTH, combiner="sum")(keras.Input((5,), dtype="int32"))
    assert single.shape == (None, 5, WIDTH)
    assert combined_.shape == (None, WIDTH)


def test_regularizer_counts_each_distinct_row_of_a_lookup_once():
    layer, table = layer_and_table(
        embeddings_regularizer=keras.regularizers.L2(0.5), combiner="sum", mask_zero=True
    )
    model = Summed(layer)
    model.compile("sgd")
    ids = np.array([[1, 1, 0], [1, 3, 3]], "int32")
    logs = model.evaluate({"id": ids}, verbose=0, return_dict=True)
    expected = 0.5 * (table[[1, 3]] ** 2).sum()
    assert logs["regularization_loss"] == pytest.approx(expected, rel=1e-5)


def test_regularizer_pulls_only_the_rows_used():
    layer, table = layer_and_table(embeddings_regularizer=keras.regularizers.L2(0.5))
    model = Summed(layer)
    model.compile(keras.optimizers.SGD(0.1))
    model.train_on_batch({"id": np.array([2, 2, 5])})
    expected = table.copy()
    expected[2] -= 0.1 * (2 + table[2])
    expected[5] -= 0.1 * (1 + table[5])
    np.testing.assert_allclose(numpy(layer.table.value), expected, rtol=1e-5, atol=1e-6)


def test_padding_is_never_updated_where_it_does_not_count():
    layer, table = layer_and_table(combiner="sum", mask_zero=True)
    model = Summed(layer)
    model.compile(keras.optimizers.AdamW(0.1, weight_decay=0.5))
    model.train_on_batch({"id": np.array([[0, 1], [2, 0]])})
    after = numpy(layer.table.value)
    np.testing.assert_array_equal(after[0], table[0].astype("float32"))
    assert not np.allclose(after[1], table[1])


@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
def test_combined_rows_and_their_weights_train_as_the_formula_says(combiner):
    """Central differences of the loss, by the table and by the weights."""
    ids = np.array([[1, 2, 1], [3, 0, 6]])
    target = np.random.default_rng(1).normal(size=(2, WIDTH))
    start = np.array([0.5, 1.5, 2.0])

    class Weighted(Model):
        def __init__(self, layer):
            super().__init__()
            self.table = layer
            self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")

        def compute_loss(self, features, training=False):
            weights = self.scale * ops.ones((2, 3))
            out = self.table(features["id"], weights)
            return ops.sum((out - ops.convert_to_tensor(target.astype("float32"))) ** 2)

    layer, table = layer_and_table(combiner=combiner)
    model = Weighted(layer)
    model.build_on({"id": ids})
    model.scale.assign(start.astype("float32"))
    model.compile(keras.optimizers.SGD(1.0))
    model.train_on_batch({"id": ids})

    def loss(t, w):
        return ((combined(t, ids, np.broadcast_to(w, (2, 3)), combiner) - target) ** 2).sum()

    def slope(function, x):
        out, h = np.zeros_like(x), 1e-6
        for place in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[place] = h
            out[place] = (function(x + step) - function(x - step)) / (2 * h)
        return out

    np.testing.assert_allclose(
        table - numpy(layer.table.value), slope(lambda t: loss(t, start), table), atol=1e-3
    )
    np.testing.assert_allclose(
        start - numpy(model.scale.value), slope(lambda w: loss(table, w), start), atol=1e-3
    )


@pytest.mark.parametrize("make", [keras.optimizers.Adagrad, keras.optimizers.Adam])
def test_in_another_keras_model_the_whole_table_is_trained(make):
    """Rightly too with repeated ids, where Keras' own layer is wrong on TensorFlow."""
    ids = np.array([1, 1, 1, 1, 2])
    target = np.random.default_rng(3).normal(size=(5, WIDTH)).astype("float32")

    class Plain(keras.Model):
        def __init__(self, layer):
            super().__init__()
            self.table = layer

        def call(self, x):
            return self.table(x)

    layer, table = layer_and_table()
    model = Plain(layer)
    model.compile(make(0.1, epsilon=1e-7), loss="mse")
    model.fit(ids, target, batch_size=5, epochs=2, shuffle=False, verbose=0)
    total, m, v = np.full_like(table, 0.1), np.zeros_like(table), np.zeros_like(table)
    for step in (1, 2):
        g = np.zeros_like(table)
        np.add.at(g, ids, 2 * (table[ids] - target) / (5 * WIDTH))
        if make is keras.optimizers.Adagrad:
            total += g**2
            table -= 0.1 * g / np.sqrt(total + 1e-7)
            continue
        m, v = m + (g - m) * 0.1, v + (g**2 - v) * 0.001
        rate = 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        table -= rate * m / (np.sqrt(v) + 1e-7)
    np.testing.assert_allclose(numpy(layer.table.value), table, rtol=1e-4, atol=1e-5)


def test_in_a_sequential_model_that_makes_floats_of_ids():
    model = keras.Sequential([Embedding(ROWS, WIDTH), keras.layers.Flatten()])
    assert numpy(model(np.array([[1, 2]]))).shape == (1, 2 * WIDTH)

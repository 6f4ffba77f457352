from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError, DataError
from shortlist.models import Model

pytestmark = pytest.mark.backend

BACKEND = keras.backend.backend()


class Dot(Model):
    """Fits a rating by the product of two embeddings; ``pair`` says how a batch comes."""

    def __init__(self, pair=False, layer=keras.layers.Embedding, **options):
        super().__init__()
        self.pair = pair
        self.users = layer(11, 3, **options)
        self.items = layer(13, 3, **options)
        self.top = keras.layers.Dense(1, kernel_initializer="ones")
        self.error = keras.metrics.Mean(name="error")

    def get_config(self):
        return {"pair": self.pair}

    def compute_loss(self, features, training=False):
        features, rating = features if self.pair else (features, features["rating"])
        product = self.users(features["user"]) * self.items(features["item"])
        score = ops.cast(self.top(product)[:, 0], "float32")
        loss = ops.mean((score - rating) ** 2)
        self.error.update_state(loss)
        return loss


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(7)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return {
        "user": rng.integers(0, 11, 70).astype("int32"),
        "item": rng.integers(0, 13, 70).astype("int32"),
        "rating": rng.normal(size=70).astype("float32"),
    }


def batches(data, size=32):
    return [{k: v[i : i + size] for k, v in data.items()} for i in range(0, 70, size)]


class Sequence(keras.utils.PyDataset):
    def __init__(self, data):
        super().__init__()
        self.parts = batches(data)

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, index):
        return self.parts[index]


def fitted(source, pair=False, epochs=2, compile_options=None, **options):
    keras.utils.set_random_seed(7)
    model = Dot(pair)
    model.compile(keras.optimizers.SGD(0.05), **(compile_options or {}))
    history = model.fit(source, epochs=epochs, verbose=0, **options)
    return model, history.history


def values(model):
    return [ops.convert_to_numpy(v.value) for v in model.trainable_variables]


def assert_same(first, second, **tolerance):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


def test_every_kind_of_input_trains_alike(data):
    expected, _ = fitted(data, batch_size=32, shuffle=False)
    features = {k: data[k] for k in ("user", "item")}
    sources = {
        "tuple": (lambda: features, {"y": data["rating"], "batch_size": 32, "shuffle": False}),
        "sequence": (lambda: Sequence(data), {"shuffle": False}),
        "generator": (
            lambda: ((part,) for _ in range(2) for part in batches(data)),
            {"steps_per_epoch": 3, "shuffle": False},
        ),
    }
    for name, (source, options) in sources.items():
        model, _ = fitted(source(), pair=name == "tuple", **options)
        assert_same(values(model), values(expected))


def test_tf_data_yields_dicts_and_tuples(data):
    tf = pytest.importorskip("tensorflow")
    expected, _ = fitted(data, batch_size=32, shuffle=False)
    as_dicts = tf.data.Dataset.from_tensor_slices(data).batch(32)
    features = {k: data[k] for k in ("user", "item")}
    as_pairs = tf.data.Dataset.from_tensor_slices((features, data["rating"])).batch(32)
    assert_same(values(fitted(as_dicts, shuffle=False)[0]), values(expected))
    assert_same(values(fitted(as_pairs, pair=True, shuffle=False)[0]), values(expected))


def test_a_generator_loses_no_batch_to_the_build(data):
    class Count(Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)
            self.total = keras.metrics.Sum(name="rows")

        def compute_loss(self, features, training=False):
            self.total.update_state(features["rating"] * 0 + 1)
            return ops.sum(self.dense(features["rating"][:, None]))

    model = Count()
    model.compile("sgd")
    source = ((part,) for part in batches(data, 7))
    history = model.fit(source, steps_per_epoch=10, shuffle=False, verbose=0)
    assert history.history["rows"] == [70.0]


def test_logs_have_the_three_losses_and_every_metric(data):
    model, history = fitted(data, batch_size=32, validation_data=data)
    names = {"loss", "regularization_loss", "total_loss", "error"}
    assert set(history) == names | {f"val_{n}" for n in names}
    assert set(model.evaluate(data, return_dict=True, verbose=0)) == names


def test_losses_are_means_over_all_rows_of_an_epoch(data):
    model, _ = fitted(data, batch_size=32, epochs=1)
    whole = model.evaluate(data, batch_size=70, return_dict=True, verbose=0)
    parts = model.evaluate(data, batch_size=32, return_dict=True, verbose=0)
    assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-5)


def test_regularization_is_logged_and_added(data):
    model = Dot(embeddings_regularizer=keras.regularizers.L2(0.1))
    model.compile(keras.optimizers.SGD(0.0))
    logs = model.evaluate(data, return_dict=True, verbose=0)
    tables = values(model)[:2]
    expected = 0.1 * sum(float((t**2).sum()) for t in tables)
    assert logs["regularization_loss"] == pytest.approx(expected, rel=1e-4)
    assert logs["total_loss"] == pytest.approx(logs["loss"] + expected, rel=1e-4)


def test_a_layer_called_twice_adds_its_loss_twice():
    class Twice(Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(
                1, kernel_initializer="ones", activity_regularizer=keras.regularizers.L1(1.0)
            )

        def compute_loss(self, features, training=False):
            return ops.sum(self.dense(features)) + ops.sum(self.dense(2 * features))

    model = Twice()
    model.compile("sgd")
    logs = model.evaluate(np.ones((4, 1), "float32"), return_dict=True, verbose=0)
    assert logs["regularization_loss"] == pytest.approx(1.0 + 2.0)


def test_metrics_reset_each_epoch(data):
    model = Dot()
    model.compile(keras.optimizers.SGD(0.0))
    history = model.fit(data, batch_size=32, epochs=2, shuffle=False, verbose=0).history
    assert history["error"][0] == pytest.approx(history["error"][1], rel=1e-6)


def test_training_reaches_the_layers():
    class Noisy(Model):
        def __init__(self):
            super().__init__()
            self.dropout = keras.layers.Dropout(0.5, seed=1)
            self.bias = keras.layers.Dense(1)

        def compute_loss(self, features, training=False):
            return ops.sum(self.dropout(features)) + 0 * ops.sum(self.bias(features))

    model = Noisy()
    model.compile(keras.optimizers.SGD(0.0))
    ones = np.ones((50, 2), "float32")
    history = model.fit(ones, batch_size=50, epochs=3, verbose=0).history["loss"]
    assert len(set(history)) > 1
    assert model.evaluate(ones, batch_size=50, verbose=0, return_dict=True)["loss"] == 100.0


@pytest.mark.skipif(BACKEND == "torch", reason="Keras has no steps_per_execution on PyTorch")
def test_steps_per_execution(data):
    expected, _ = fitted(data, batch_size=16, shuffle=False)
    model, _ = fitted(
        data, batch_size=16, shuffle=False, compile_options={"steps_per_execution": 2}
    )
    assert_same(values(model), values(expected))


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch compiles with a C++ compiler")
def test_jit_compile(data):
    expected, _ = fitted(data, batch_size=32, shuffle=False)
    model, _ = fitted(data, batch_size=32, shuffle=False, compile_options={"jit_compile": True})
    assert_same(values(model), values(expected))


def test_run_eagerly(data):
    expected, _ = fitted(data, batch_size=32, shuffle=False)
    model, _ = fitted(data, batch_size=32, shuffle=False, compile_options={"run_eagerly": True})
    assert_same(values(model), values(expected))


def test_train_on_batch_and_test_on_batch(data):
    model = Dot()
    model.compile(keras.optimizers.SGD(0.1))
    first = model.train_on_batch(data, return_dict=True)
    assert model.test_on_batch(data, return_dict=True)["loss"] < first["loss"]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(data, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        _, history = fitted(data, batch_size=32, epochs=3)
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(history["loss"]).all()


def test_weights_round_trip(data, tmp_path):
    model, _ = fitted(data, batch_size=32)
    model.save_weights(tmp_path / "model.weights.h5")
    again = Dot()
    again.build_on({k: v[:2] for k, v in data.items()})
    again.load_weights(tmp_path / "model.weights.h5")
    assert_same(values(again), values(model), rtol=0, atol=0)


@pytest.mark.parametrize(
    "make",
    [
        keras.optimizers.Adagrad,
        keras.optimizers.Adam,
        keras.optimizers.RMSprop,
        keras.optimizers.Ftrl,
        keras.optimizers.Nadam,
        keras.optimizers.Adadelta,
    ],
)
@pytest.mark.parametrize("clip", [{}, {"clipnorm": 0.01}, {"global_clipnorm": 0.01}])
def test_keras_embeddings_train_rightly_with_repeated_ids(make, clip):
    """A lookup by one-hot product is dense, so no backend can treat its rows apart."""
    if BACKEND != "tensorflow" and (clip or make is not keras.optimizers.Adagrad):
        pytest.skip("only TensorFlow has sparse gradients; one case shows that the test is right")

    class OneHot(keras.layers.Layer):
        def __init__(self, rows, columns):
            super().__init__()
            self.table = self.add_weight(shape=(rows, columns), initializer="zeros")

        def call(self, ids):
            return ops.matmul(ops.one_hot(ids, self.table.shape[0]), self.table)

    def trained(layer):
        model = Dot(layer=layer)
        data = {"user": np.array([1, 1, 1, 1, 2]), "item": np.array([3, 4, 3, 4, 3])}
        data["rating"] = np.array([1.0, 2.0, 3.0, 4.0, 5.0], "float32")
        model.build_on(data)
        rng = np.random.default_rng(3)
        for variable in (model.users.weights[0], model.items.weights[0]):
            variable.assign(rng.normal(size=variable.shape).astype("float32"))
        model.compile(make(0.1, **clip))
        model.fit(data, batch_size=5, epochs=3, shuffle=False, verbose=0)
        return values(model)

    assert_same(trained(keras.layers.Embedding), trained(OneHot), rtol=1e-4, atol=1e-5)


def test_saving_and_loading_the_whole_model(data, tmp_path):
    model, _ = fitted(data, batch_size=32)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"Dot": Dot})
    assert_same(values(again), values(model), rtol=0, atol=0)
    for one in (model, again):
        one.fit(data, batch_size=32, shuffle=False, verbose=0)
    assert_same(values(again), values(model), rtol=1e-6)


def test_predict_uses_the_call_of_the_subclass(data):
    class Callable(Dot):
        def call(self, features):
            return self.users(features["user"])

    model = Callable()
    model.compile("sgd")
    model.fit(data, verbose=0)
    assert model.predict({"user": np.arange(4)}, verbose=0).shape == (4, 3)


def test_compute_loss_must_be_written(data):
    model = Model()
    model.compile("sgd")
    with pytest.raises(ConfigError, match="compute_loss"):
        model.fit(data, verbose=0)


def test_compute_loss_must_return_a_scalar(data):
    class Vector(Dot):
        def compute_loss(self, features, training=False):
            return self.users(features["user"])

    model = Vector()
    model.compile("sgd")
    with pytest.raises(ConfigError, match=r"scalar tensor; received a tensor of shape"):
        model.fit(data, verbose=0)


@pytest.mark.parametrize("name", ["loss", "metrics", "loss_weights", "weighted_metrics"])
def test_compile_refuses_losses_and_metrics(name):
    with pytest.raises(ConfigError, match=f"{name}="):
        Dot().compile("sgd", **{name: ["mse"]})


@pytest.mark.skipif(BACKEND != "jax", reason="TensorFlow takes strings, Keras on PyTorch refuses")
def test_strings_are_refused_where_they_cannot_be_used(data):
    model = Dot()
    model.compile("sgd")
    with pytest.raises(DataError, match=r"'user' holds strings"):
        model.fit(Sequence({**data, "user": data["user"].astype(str)}), verbose=0)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="strings in the model need TensorFlow")
def test_string_lookup_layers_inside_the_model(data):
    import tensorflow as tf

    words = {**data, "user": data["user"].astype(str)}

    class Named(Dot):
        def __init__(self):
            super().__init__()
            self.users = keras.Sequential(
                [
                    keras.layers.StringLookup(vocabulary=sorted(set(words["user"]))),
                    keras.layers.Embedding(12, 3),
                ]
            )

    model = Named()
    model.compile(keras.optimizers.SGD(0.05))
    source = tf.data.Dataset.from_tensor_slices(words).batch(32)
    losses = model.fit(source, epochs=3, shuffle=False, verbose=0).history["loss"]
    assert losses[2] < losses[0]


def test_keras_still_has_what_is_not_documented():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    names = ["_symbolic_build", "_clear_losses", "_flatten_layers", "_loss_tracker"]
    names += ["_initial_epoch"]
    names += {"tensorflow": ["_maybe_symbolic_build"], "jax": ["jax_state_sync"]}.get(BACKEND, [])
    assert [name for name in names if not hasattr(model, name)] == []
    assert hasattr(model.optimizer, "_use_weight_decay")

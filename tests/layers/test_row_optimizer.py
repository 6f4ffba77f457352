"""What a step does to tables, held to NumPy in float64 and to Keras' dense update."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import Embedding, RowwiseAdagrad
from shortlist.models import Model

pytestmark = pytest.mark.backend

BACKEND = keras.backend.backend()
ROWS, WIDTH, BATCH = 9, 3, 8


class Pull(Model):
    """Draws rows to targets: the gradient of the loss by a looked-up row is row - target."""

    def __init__(self, table=None, dense=False, twice=False):
        super().__init__()
        self.table = table or Embedding(ROWS, WIDTH)
        self.dense = keras.layers.Dense(WIDTH, use_bias=False) if dense else None
        self.twice = twice

    def compute_loss(self, features, training=False):
        rows = ops.cast(self.table(features["id"]), "float32")
        if self.twice:
            rows = rows + ops.cast(self.table(features["other"]), "float32")
        if self.dense is not None:
            rows = ops.cast(self.dense(rows), "float32")
        return 0.5 * ops.sum((rows - features["target"]) ** 2)


def batch(ids, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "id": np.asarray(ids, "int32"),
        "other": np.asarray(ids, "int32")[::-1].copy(),
        "target": rng.normal(size=(len(ids), WIDTH)).astype("float32"),
    }


def start_table():
    return np.random.default_rng(5).normal(size=(ROWS, WIDTH)).astype("float32")


def ready(model, optimizer, **compile_options):
    """Build, give the table its start and compile."""
    model.build_on(batch([0] * BATCH))
    model.table.weights[0].assign(start_table())
    if model.dense is not None:
        model.dense.weights[0].assign(np.eye(WIDTH, dtype="float32") * 0.7)
    model.compile(optimizer, **compile_options)
    return model


def table_of(model):
    return ops.convert_to_numpy(model.table.weights[0].value).astype("float64")


def trained(model, optimizer, batches, **compile_options):
    model = ready(model, optimizer, **compile_options)
    for one in batches:
        model.train_on_batch(one)
    return model


def keras_table():
    return keras.layers.Embedding(ROWS, WIDTH)


REPEATS = [[1, 1, 1, 1, 2, 3, 3, 0], [1, 4, 4, 4, 4, 4, 4, 8], [0, 0, 0, 0, 0, 0, 0, 0]]
BATCHES = [batch(ids, seed) for seed, ids in enumerate(REPEATS)]


def gradient_of(table, one):
    total = np.zeros_like(table)
    np.add.at(total, one["id"], table[one["id"]] - one["target"])
    return total


@pytest.fixture(scope="module")
def reusable():
    return {
        "sgd": ready(Pull(), keras.optimizers.SGD(0.1)),
        "adagrad": ready(Pull(), keras.optimizers.Adagrad(0.1)),
    }


@settings(max_examples=20)
@given(ids=st.lists(st.lists(st.integers(0, ROWS - 1), min_size=BATCH, max_size=BATCH), max_size=3))
def test_sgd_and_adagrad_equal_float64_with_any_repeats(reusable, ids):
    for name, model in reusable.items():
        model.table.weights[0].assign(start_table())
        slot = [v for v in model.optimizer.variables if v.name.endswith("accumulator")]
        for v in slot:
            if len(v.shape) == 2:
                v.assign(np.full((ROWS, WIDTH), 0.1, "float32"))
        table, total = start_table().astype("float64"), np.full((ROWS, WIDTH), 0.1)
        for seed, row in enumerate(ids):
            one = batch(row, seed)
            model.train_on_batch(one)
            g = gradient_of(table, one)
            total += g**2
            table -= 0.1 * g if name == "sgd" else 0.1 * g / np.sqrt(total + 1e-7)
        np.testing.assert_allclose(table_of(model), table, rtol=1e-4, atol=1e-5)


EXACT = {
    "sgd": lambda **k: keras.optimizers.SGD(0.05, **k),
    "adagrad": lambda **k: keras.optimizers.Adagrad(0.05, **k),
    "rowwise": lambda **k: RowwiseAdagrad(0.05, **k),
}
OPTIONS = {
    "plain": {},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "loss_scale": {"loss_scale_factor": 64.0},
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", EXACT)
def test_equal_to_the_dense_update(name, option):
    # Compiling takes most of the time, and one of the three compiled is enough.
    make, eager = EXACT[name], name != "adagrad"
    rowwise = trained(Pull(dense=True), make(**OPTIONS[option]), BATCHES, run_eagerly=eager)
    dense = Pull(keras_table(), dense=True)
    trained(dense, make(**OPTIONS[option]), BATCHES, run_eagerly=eager)
    np.testing.assert_allclose(table_of(rowwise), table_of(dense), rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(
        ops.convert_to_numpy(rowwise.dense.weights[0].value),
        ops.convert_to_numpy(dense.dense.weights[0].value),
        rtol=2e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("dense", [False, True])
def test_schedules_advance_also_where_there_is_no_dense_variable(dense):
    def optimizer():
        return keras.optimizers.SGD(
            keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], [0.1, 0.01, 0.001])
        )

    rowwise = trained(Pull(dense=dense), optimizer(), BATCHES)
    plain = trained(Pull(keras_table(), dense=dense), optimizer(), BATCHES)
    np.testing.assert_allclose(table_of(rowwise), table_of(plain), rtol=1e-5, atol=1e-6)
    assert int(ops.convert_to_numpy(rowwise.optimizer.iterations)) == len(BATCHES)


def test_adam_equals_the_dense_update_when_every_step_looks_every_row_up():
    everything = [batch(np.arange(ROWS), seed) for seed in range(4)]
    rowwise = trained(Pull(), keras.optimizers.Adam(0.05), everything)
    dense = trained(Pull(keras_table()), keras.optimizers.Adam(0.05), everything)
    np.testing.assert_allclose(table_of(rowwise), table_of(dense), rtol=1e-4, atol=1e-5)


def test_adam_is_lazy():
    table, m, v = start_table().astype("float64"), 0.0, 0.0
    m, v = np.zeros_like(table), np.zeros_like(table)
    for step, one in enumerate(BATCHES, 1):
        g, rows = gradient_of(table, one), np.unique(one["id"])
        m[rows] += (g[rows] - m[rows]) * 0.1
        v[rows] += (g[rows] ** 2 - v[rows]) * 0.001
        rate = 0.05 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        table[rows] -= rate * m[rows] / (np.sqrt(v[rows]) + 1e-7)
    model = trained(Pull(), keras.optimizers.Adam(0.05), BATCHES)
    np.testing.assert_allclose(table_of(model), table, rtol=1e-4, atol=1e-5)


def test_weight_decay_touches_only_the_rows_used():
    table = start_table().astype("float64")
    for one in BATCHES:
        g, rows = gradient_of(table, one), np.unique(one["id"])
        table[rows] -= table[rows] * 0.1 * 0.05
        table -= 0.05 * g
    model = trained(Pull(), keras.optimizers.SGD(0.05, weight_decay=0.1), BATCHES)
    np.testing.assert_allclose(table_of(model), table, rtol=1e-5, atol=1e-6)


def test_tables_excluded_from_weight_decay_are_left_alone():
    optimizer = keras.optimizers.SGD(0.05, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["embeddings"])
    model = trained(Pull(), optimizer, BATCHES)
    plain = trained(Pull(), keras.optimizers.SGD(0.05), BATCHES)
    np.testing.assert_allclose(table_of(model), table_of(plain), rtol=1e-6)


def test_several_lookups_of_one_table_are_one_update():
    rowwise = trained(Pull(twice=True), keras.optimizers.Adagrad(0.1), BATCHES)
    dense = trained(Pull(keras_table(), twice=True), keras.optimizers.Adagrad(0.1), BATCHES)
    np.testing.assert_allclose(table_of(rowwise), table_of(dense), rtol=2e-5, atol=1e-6)


def test_the_whole_table_can_be_used_like_a_variable():
    class Tied(Pull):
        def compute_loss(self, features, training=False):
            rows = ops.take(ops.convert_to_tensor(self.table.embeddings), features["id"], axis=0)
            return 0.5 * ops.sum((rows - features["target"]) ** 2)

    class Built(Tied):
        def __init__(self):
            super().__init__()
            self.table.build()

    model = trained(Built(), keras.optimizers.SGD(0.1), BATCHES)
    expected = trained(Pull(), keras.optimizers.SGD(0.1), BATCHES)
    np.testing.assert_allclose(table_of(model), table_of(expected), rtol=1e-5, atol=1e-6)


def test_a_layer_with_its_own_optimizer():
    own = Embedding(ROWS, WIDTH, optimizer=keras.optimizers.SGD(0.1))
    model = trained(Pull(own, dense=True), keras.optimizers.Nadam(0.0), BATCHES)
    expected = trained(Pull(dense=True), keras.optimizers.SGD(0.1), BATCHES[:1])
    # Nadam at rate 0 keeps the dense layer as it is, so only the first step can be compared.
    first = trained(
        Pull(Embedding(ROWS, WIDTH, optimizer=keras.optimizers.SGD(0.1)), dense=True),
        keras.optimizers.Nadam(0.0),
        BATCHES[:1],
    )
    np.testing.assert_allclose(table_of(first), table_of(expected), rtol=1e-5)
    assert not np.allclose(table_of(model), table_of(first))


def test_an_own_optimizer_follows_its_own_schedule_and_clipping():
    def optimizer():
        return keras.optimizers.SGD(
            keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.1, 0.01]),
            global_clipnorm=0.5,
        )

    own = Embedding(ROWS, WIDTH, optimizer=optimizer())
    model = trained(Pull(own), keras.optimizers.SGD(0.0), BATCHES)
    expected = trained(Pull(), optimizer(), BATCHES)
    np.testing.assert_allclose(table_of(model), table_of(expected), rtol=1e-5)


def test_frozen_tables_stay_and_cost_no_memory():
    model = Pull(Embedding(ROWS, WIDTH, trainable=False), dense=True)
    trained(model, keras.optimizers.Adagrad(0.1), BATCHES)
    np.testing.assert_array_equal(table_of(model), start_table().astype("float64"))
    assert not [v for v in model.optimizer.variables if tuple(v.shape) == (ROWS, WIDTH)]


def test_learning_rate_can_be_read_and_set_as_ever():
    model = ready(Pull(), keras.optimizers.SGD(0.1))
    model.optimizer.learning_rate = 0.0
    before = table_of(model)
    model.train_on_batch(BATCHES[0])
    np.testing.assert_array_equal(table_of(model), before)
    assert float(ops.convert_to_numpy(model.optimizer.learning_rate)) == 0.0


def test_dynamic_loss_scale_skips_a_step_whose_rows_overflow():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05), initial_scale=16.0)
    model = trained(Pull(dense=True), scaled, BATCHES)
    plain = trained(Pull(dense=True), keras.optimizers.SGD(0.05), BATCHES)
    np.testing.assert_allclose(table_of(model), table_of(plain), rtol=1e-5, atol=1e-6)
    before = table_of(model)
    overflow = {**BATCHES[0], "target": np.full((BATCH, WIDTH), np.inf, "float32")}
    model.train_on_batch(overflow)
    np.testing.assert_array_equal(table_of(model), before)
    assert float(ops.convert_to_numpy(scaled.dynamic_scale.value)) == 8.0


def test_dynamic_loss_scale_without_any_dense_variable():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05), initial_scale=16.0)
    model = trained(Pull(), scaled, BATCHES)
    plain = trained(Pull(), keras.optimizers.SGD(0.05), BATCHES)
    np.testing.assert_allclose(table_of(model), table_of(plain), rtol=1e-5, atol=1e-6)
    model.train_on_batch({**BATCHES[0], "target": np.full((BATCH, WIDTH), np.nan, "float32")})
    assert float(ops.convert_to_numpy(scaled.dynamic_scale.value)) == 8.0


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_mixed_precision(policy):
    model = Pull(Embedding(ROWS, WIDTH, dtype=policy))
    trained(model, keras.optimizers.Adagrad(0.1), BATCHES, run_eagerly=True)
    plain = trained(Pull(), keras.optimizers.Adagrad(0.1), BATCHES, run_eagerly=True)
    np.testing.assert_allclose(table_of(model), table_of(plain), rtol=0.05, atol=0.05)


def test_a_policy_of_float16_scales_the_loss_by_itself():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = trained(Pull(dense=True), keras.optimizers.Adagrad(0.1), BATCHES)
    finally:
        keras.config.set_dtype_policy(before)
    # The first steps overflow at the scale that Keras begins with, and are skipped.
    scale = model.optimizer.inner
    assert isinstance(scale, keras.optimizers.LossScaleOptimizer)
    assert float(ops.convert_to_numpy(scale.dynamic_scale.value)) < scale.initial_scale
    assert np.isfinite(table_of(model)).all()


def test_a_table_that_is_frozen_later_is_left_alone():
    model = trained(Pull(dense=True), keras.optimizers.Adagrad(0.1), BATCHES[:1])
    before = table_of(model)
    model.table.trainable = False
    model.compile(keras.optimizers.Adagrad(0.1))
    model.train_on_batch(BATCHES[1])
    np.testing.assert_array_equal(table_of(model), before)


def same_when_compiled(optimizer):
    model = trained(Pull(dense=True), optimizer(0.1), BATCHES, jit_compile=True)
    plain = trained(Pull(dense=True), optimizer(0.1), BATCHES, run_eagerly=True)
    np.testing.assert_allclose(table_of(model), table_of(plain), rtol=2e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch takes long to compile")
@pytest.mark.parametrize("make", [keras.optimizers.Adagrad, keras.optimizers.Adam])
def test_jit_compile(make):
    same_when_compiled(make)


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "torch", reason="the others are always tested")
@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch compiles with a C++ compiler")
@pytest.mark.filterwarnings("default")
def test_jit_compile_on_torch():
    same_when_compiled(keras.optimizers.Adagrad)


@pytest.mark.skipif(BACKEND == "torch", reason="Keras has no steps_per_execution on PyTorch")
def test_steps_per_execution():
    data = {k: np.concatenate([b[k] for b in BATCHES]) for k in BATCHES[0]}

    def fitted(**options):
        model = ready(Pull(), keras.optimizers.Adagrad(0.1), **options)
        model.fit(data, batch_size=BATCH, shuffle=False, verbose=0)
        return table_of(model)

    np.testing.assert_allclose(fitted(steps_per_execution=2), fitted(), rtol=1e-6)


@pytest.mark.parametrize("option", [{"use_ema": True}, {"gradient_accumulation_steps": 2}])
def test_what_changes_every_row_is_refused_at_compile(option):
    with pytest.raises(ConfigError, match=f"without {next(iter(option))}"):
        Pull().compile(keras.optimizers.SGD(0.1, **option))
    own = Embedding(ROWS, WIDTH, optimizer="sgd")
    Pull(own).compile(keras.optimizers.SGD(0.1, **option))


def test_an_optimizer_without_row_updates_is_refused_at_compile():
    with pytest.raises(ConfigError, match="received Nadam"):
        Pull().compile("nadam")


def test_layers_made_while_building_are_found_too():
    class Late(keras.layers.Layer):
        def build(self, shape):
            self.inner = Embedding(ROWS, WIDTH)
            self.inner.build()

        def call(self, ids):
            return self.inner(ids)

        @property
        def embeddings(self):
            return self.inner.embeddings

    model = Pull(Late())
    with pytest.raises(ConfigError, match="received Nadam"):
        trained(model, keras.optimizers.Nadam(0.1), BATCHES)
    model = trained(Pull(Late()), keras.optimizers.Adagrad(0.1), BATCHES)
    plain = trained(Pull(), keras.optimizers.Adagrad(0.1), BATCHES)
    np.testing.assert_allclose(table_of(model), table_of(plain), rtol=1e-6)


@pytest.mark.parametrize("make", [keras.optimizers.Adagrad, keras.optimizers.Adam])
def test_saving_and_loading_goes_on_exactly(make, tmp_path):
    class Saved(Pull):
        def __init__(self):
            super().__init__(dense=True)

        def get_config(self):
            return {}

    whole = trained(Saved(), make(0.1), BATCHES)
    half = trained(Saved(), make(0.1), BATCHES[:2])
    half.save(tmp_path / "half.keras")
    again = keras.saving.load_model(tmp_path / "half.keras", custom_objects={"Saved": Saved})
    again.train_on_batch(BATCHES[2])
    np.testing.assert_array_equal(table_of(again), table_of(whole))


def test_training_again_after_compiling_again_starts_the_slots_anew():
    model = trained(Pull(), keras.optimizers.Adagrad(0.1), BATCHES)
    middle = table_of(model)
    model.compile(keras.optimizers.Adagrad(0.1))
    model.train_on_batch(BATCHES[0])
    g = gradient_of(middle, BATCHES[0])
    expected = middle - 0.1 * g / np.sqrt(0.1 + g**2 + 1e-7)
    np.testing.assert_allclose(table_of(model), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(BACKEND != "jax", reason="reads what XLA compiled")
def test_the_step_copies_no_table():
    import jax

    rows = 100_003

    class Big(Pull):
        def __init__(self):
            super().__init__(Embedding(rows, WIDTH), dense=True)

    for optimizer in (
        keras.optimizers.Adagrad(0.1),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1)),
    ):
        model = Big()
        model.build_on(BATCHES[0])
        model.compile(optimizer)
        model.train_on_batch(BATCHES[0])
        state = tuple(
            [v.value for v in group]
            for group in (
                model.trainable_variables,
                model.non_trainable_variables,
                model.optimizer.variables,
                model.metrics_variables,
            )
        )
        step = jax.jit(model.train_step, donate_argnums=0)
        text = step.lower(state, BATCHES[0]).compile().as_text()
        shape = f"f32[{rows},{WIDTH}]"
        whole = [x for x in text.splitlines() if f"= {shape}" in x or f"{shape}{{1,0}} copy" in x]
        heavy = ("copy(", "add(", "multiply(", "select(", "broadcast(", "conditional(")
        assert not [x for x in whole if any(word in x for word in heavy)]

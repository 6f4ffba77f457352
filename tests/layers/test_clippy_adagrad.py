import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import ClippyAdagrad, Embedding
from shortlist.layers.clippy_adagrad import shrink_by_references
from shortlist.models import Model

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(8)
OPTIONS = [
    {},
    {"clip_accumulator_update": True},
    {"use_standard_accumulator_update": True},
    {"accumulator_relative_threshold": 0.01, "variable_relative_threshold": 0.5},
]


def by_hand(w, gradients, rate, **options):
    """The paper's algorithm in float64."""
    a = np.full(w.shape, 0.1)
    relative = options.get("variable_relative_threshold", 0.1)
    falling = options.get("accumulator_relative_threshold", 0.0)
    for g in gradients:
        if options.get("use_standard_accumulator_update"):
            a = a + g**2
        inverse = 1 / np.sqrt(a + 1e-7)
        step = rate * g * inverse
        bound = np.abs(w) * relative + inverse * falling + 1e-7
        moving = step != 0
        scale = min(1.0, *(bound[moving] / np.abs(step[moving])))
        if not options.get("use_standard_accumulator_update"):
            a = a + (g * (scale if options.get("clip_accumulator_update") else 1.0)) ** 2
        w = w - scale * step
    return w, scale


@pytest.mark.parametrize("options", OPTIONS)
def test_equals_the_algorithm(options):
    start, gradients = RNG.normal(size=(3, 2)), RNG.normal(size=(4, 3, 2))
    gradients[:, 1] = 0
    variable = keras.Variable(start.astype("float32"))
    optimizer = ClippyAdagrad(1.0, export_clipping_factors=True, **options)
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient.astype("float32"))], [variable])
    expected, scale = by_hand(start, gradients, 1.0, **options)
    np.testing.assert_allclose(ops.convert_to_numpy(variable), expected, rtol=1e-4, atol=1e-6)
    assert float(ops.convert_to_numpy(optimizer.clipping_factors[0])) == pytest.approx(scale, 1e-4)


@pytest.mark.parametrize("options", OPTIONS)
def test_round_trip_of_every_argument(options):
    optimizer = ClippyAdagrad(0.3, 0.2, absolute_threshold=1e-6, epsilon=1e-5, **options)
    again = ClippyAdagrad.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    loaded = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert loaded.get_config() == optimizer.get_config()


@pytest.mark.parametrize("options", OPTIONS[1:3])
def test_tables_updated_by_row_equal_the_whole_table(options):
    ids = RNG.integers(0, 5, 12).astype("int32")
    results = []
    for kind in (Embedding, keras.layers.Embedding):
        start = keras.initializers.RandomNormal(seed=3)
        layer = kind(6, 2, embeddings_initializer=start)

        class Sum(Model):
            def __init__(self, layer):
                super().__init__()
                self.layer = layer

            def compute_loss(self, features, training=False):
                return ops.sum(ops.square(self.layer(features) - 1.0))

        model = Sum(layer)
        model.compile(ClippyAdagrad(0.5, **options))
        model.fit(ids, batch_size=4, epochs=2, shuffle=False, verbose=0)
        results.append(ops.convert_to_numpy(layer.embeddings))
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


def test_what_is_refused():
    with pytest.raises(ConfigError, match="only one can be True"):
        ClippyAdagrad(clip_accumulator_update=True, use_standard_accumulator_update=True)
    with pytest.raises(ConfigError, match="at least 0"):
        shrink_by_references(ops.ones(2), [ops.ones(2)], [-1.0], 0.0)
    with pytest.raises(ConfigError, match="as many"):
        shrink_by_references(ops.ones(2), [ops.ones(2)], [], 0.0)

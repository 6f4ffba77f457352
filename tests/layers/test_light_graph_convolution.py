import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from shortlist.errors import ConfigError, DataError, NotFittedError
from shortlist.layers import Embedding, LightGraphConvolution
from shortlist.losses import sampled_softmax
from shortlist.models import Model

pytestmark = pytest.mark.backend

SHAPE = (5, 7)
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=40)


def dense(pairs):
    matrix = np.zeros(SHAPE)
    matrix[tuple(np.array(pairs).T)] = 1
    users, items = matrix.sum(axis=1, keepdims=True), matrix.sum(axis=0, keepdims=True)
    return matrix / np.sqrt(np.maximum(users, 1) * np.maximum(items, 1))


def naive(pairs, users, items, layers):
    matrix, sums = dense(pairs), [users, items]
    for _ in range(layers):
        users, items = matrix @ items, matrix.T @ users
        sums = [sums[0] + users, sums[1] + items]
    return [total / (layers + 1) for total in sums]


def connected(pairs, layers):
    users, items = np.array(pairs).T
    return LightGraphConvolution(layers).connect(users, items, shape=SHAPE)


def vectors(seed=0, dim=3):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, dim)).astype("float32") for n in SHAPE]


@settings(deadline=None, max_examples=5)
@given(PAIRS, st.integers(0, 3), st.integers(0, 2**31))
def test_equals_the_dense_product(pairs, layers, seed):
    users, items = vectors(seed)
    found = connected(pairs, layers)(users, items)
    expected = naive(pairs, users.astype("float64"), items.astype("float64"), layers)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), theirs, atol=1e-5)


def test_long_and_short_rows_are_alike_in_a_larger_graph():
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 60, 300) ** 2 // 60, rng.integers(0, 90, 300) ** 2 // 90
    layer = LightGraphConvolution(2).connect(users, items, shape=(60, 90))
    matrix = np.zeros((60, 90))
    matrix[users, items] = 1
    degrees = np.maximum(matrix.sum(1), 1)[:, None] * np.maximum(matrix.sum(0), 1)
    matrix /= np.sqrt(degrees)
    x, y = rng.normal(size=(60, 4)), rng.normal(size=(90, 4))
    found = layer(x.astype("float32"), y.astype("float32"))
    expected = (x + matrix @ y + matrix @ (matrix.T @ x)) / 3
    np.testing.assert_allclose(ops.convert_to_numpy(found[0]), expected, atol=1e-5)


class Graph(Model):
    def __init__(self, pairs, layers=2):
        super().__init__()
        self.users, self.items = Embedding(SHAPE[0], 3), Embedding(SHAPE[1], 3)
        self.smooth = connected(pairs, layers)

    def compute_loss(self, features, training=False):
        users, items = self.smooth(self.users.embeddings, self.items.embeddings)
        users = ops.take(users, features["user"], axis=0)
        return sampled_softmax(users, items, positives=features["item"], reduction="mean")


def made(pairs):
    model = Graph(pairs)
    for layer, table in zip((model.users, model.items), vectors(), strict=True):
        layer.build()
        layer.embeddings.assign(table)
    model.compile(keras.optimizers.SGD(0.5))
    return model


def test_a_step_follows_the_gradient_through_the_graph():
    pairs = [(0, 0), (0, 1), (1, 1), (2, 3), (4, 6), (4, 0)]
    features = dict(zip(("user", "item"), np.array(pairs, "int32").T, strict=True))
    model = made(pairs)
    model.fit(features, batch_size=len(pairs), epochs=1, verbose=0)

    def loss(items):
        users, items = naive(pairs, vectors()[0].astype("float64"), items, 2)
        logits = users[features["user"]] @ items.T
        own = logits[np.arange(len(pairs)), features["item"]]
        return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - own))

    start = vectors()[1].astype("float64")
    gradient = np.zeros_like(start)
    for place in np.ndindex(*start.shape):
        step = np.zeros_like(start)
        step[place] = 1e-5
        gradient[place] = (loss(start + step) - loss(start - step)) / 2e-5
    moved = ops.convert_to_numpy(model.items.embeddings)
    np.testing.assert_allclose(moved, start - 0.5 * gradient, atol=1e-5)


def test_training_lowers_the_loss():
    pairs = [(0, 0), (0, 1), (1, 1), (2, 3), (4, 6), (4, 0)]
    features = dict(zip(("user", "item"), np.array(pairs, "int32").T, strict=True))
    losses = made(pairs).fit(features, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_pair_that_repeats_counts_once():
    once, twice = connected([(0, 1), (2, 1)], 1), connected([(0, 1), (2, 1), (0, 1)], 1)
    for ours, theirs in zip(once(*vectors()), twice(*vectors()), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs))


def test_singular_vectors_are_those_of_the_normalised_graph():
    pairs = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 3), (3, 3), (3, 4), (4, 6), (4, 0)]
    users, items = connected(pairs, 1).singular_vectors(3)
    left, sizes, right = np.linalg.svd(dense(pairs))
    np.testing.assert_allclose(np.linalg.norm(users, axis=0), sizes[:3], rtol=1e-4)
    found = (users / sizes[:3]) @ (items / sizes[:3]).T
    np.testing.assert_allclose(found, left[:, :3] @ right[:3], atol=1e-4)


def test_it_is_saved_with_its_graph(tmp_path):
    pairs = [(0, 0), (0, 1), (4, 6)]
    inputs = [keras.Input(batch_shape=(n, 3)) for n in SHAPE]
    layer = connected(pairs, 2)
    model = keras.Model(inputs, layer(*inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(again(vectors()), model(vectors()), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs))


@pytest.mark.parametrize(
    ("users", "items", "message"),
    [
        ([0, 5], [0, 0], "user codes from 0 to 4; received 5"),
        ([0], [-1], "item codes from 0 to 6; received -1"),
        ([0], [0, 1], "as many users as items"),
        ([], [], "one pair at least"),
        ([0.5], [0], "integer user codes; received float64"),
    ],
)
def test_wrong_pairs_are_refused(users, items, message):
    with pytest.raises(DataError, match=message):
        LightGraphConvolution().connect(users, items, shape=SHAPE)


def test_wrong_options_and_a_missing_graph_are_refused():
    with pytest.raises(ConfigError, match="received -1"):
        LightGraphConvolution(-1)
    with pytest.raises(NotFittedError, match="connect"):
        LightGraphConvolution()(*vectors())
    with pytest.raises(ConfigError, match="rank from 1 to 5; received 6"):
        connected([(0, 0)], 1).singular_vectors(6)

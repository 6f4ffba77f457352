from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from shortlist._backend.ranks.blocks import BLOCK
from shortlist.errors import ConfigError, DataError
from shortlist.metrics import Factorized, FactorizedTopK
from shortlist.models import Model
from shortlist.tasks import Retrieval

pytestmark = pytest.mark.backend

KS = (1, 2, 5)


def values(metric):
    return [float(value) for value in metric.result().values()]


def naive(queries, table, rows, ks, weight=None):
    """Average over the orders of ties, from float64 scores of small integers, which are exact."""
    hits = []
    for query, row in zip(queries.astype("float64"), rows, strict=True):
        scores = table.astype("float64") @ query
        above, tied = (scores > scores[row]).sum(), (scores == scores[row]).sum()
        hits.append([min(max((k - above) / tied, 0), 1) for k in ks])
    return np.average(hits, axis=0, weights=weight).tolist()


def random_case(seed, b=6, n=9, dim=3):
    rng = np.random.default_rng(seed)
    table = rng.integers(-3, 4, (n, dim)).astype("float32")
    return rng.integers(-3, 4, (b, dim)).astype("float32"), table, rng.integers(0, n, b)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_equals_counting_by_hand_however_the_corpus_is_given(seed):
    queries, table, rows = random_case(seed)
    expected = naive(queries, table, rows, KS)
    ids = np.random.default_rng(seed).permutation(100)[:9].astype("int32")
    for corpus in (
        table,
        [table[:4], table[4:]],
        lambda: ops.convert_to_tensor(table),
        keras.Variable(table),
        (ids, table),
        iter([(ids[:2], table[:2]), (ids[2:], table[2:])]),
    ):
        metric = FactorizedTopK(corpus, ks=KS)
        metric.update_state(queries, table[rows])
        assert values(metric) == pytest.approx(expected, abs=1e-6)
        metric.reset_state()
        metric.update_state(queries, table[rows], true_candidate_ids=ids[rows])
        assert values(metric) == pytest.approx(expected, abs=1e-6)


def test_names_follow_tensorflow_recommenders():
    metric = FactorizedTopK(np.eye(3, dtype="float32"))
    assert list(metric.result()) == [
        f"factorized_top_k/top_{k}_categorical_accuracy" for k in (1, 5, 10, 50, 100)
    ]


@pytest.mark.parametrize("n", [63, 64, 5 * 64, 5 * 64 + 3])
def test_blocks_do_not_change_the_counts(n):
    queries, table, rows = random_case(3, b=BLOCK // 64, n=n)
    metric = FactorizedTopK(table, ks=KS)
    metric.update_state(queries, table[rows])
    assert values(metric) == pytest.approx(naive(queries, table, rows, KS), abs=1e-6)


def test_a_constant_model_is_right_by_chance_only():
    table = np.ones((50, 4), dtype="float32")
    metric = FactorizedTopK(table, ks=(1, 5, 50, 100))
    metric.update_state(table[:8], table[:8])
    assert values(metric) == pytest.approx([0.02, 0.1, 1.0, 1.0])


def test_rounding_does_not_put_the_true_candidate_below_itself():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(500, 64)).astype("float32")
    table *= 50 / np.linalg.norm(table, axis=1, keepdims=True)
    metric = FactorizedTopK(table, ks=(1,))
    metric.update_state(table, table)
    assert values(metric) == [1.0]


def test_scores_that_are_not_numbers_are_misses():
    table = np.ones((3, 2), dtype="float32")
    metric = FactorizedTopK(table, ks=(1, 3))
    metric.update_state(np.full((2, 2), np.nan, dtype="float32"), table[:2])
    assert values(metric) == [0.0, 0.0]


def test_an_id_that_is_not_in_the_corpus_is_a_miss():
    table = np.eye(3, dtype="float32")
    metric = FactorizedTopK((np.array([5, 6, 7], dtype="int32"), table), ks=(1,))
    metric.update_state(table, table, true_candidate_ids=np.array([[5], [9], [2]], dtype="int32"))
    assert values(metric) == pytest.approx([1 / 3])


def test_a_true_candidate_outside_the_corpus_is_ranked_by_its_score():
    metric = FactorizedTopK(np.array([[3.0], [1.0]], dtype="float32"), ks=(1, 2))
    one = np.array([[1.0]], dtype="float32")
    metric.update_state(one, 2 * one)
    assert values(metric) == [0.0, 1.0]


def test_weights_weigh_and_zero_weights_leave_nothing():
    queries, table, rows = random_case(5)
    weight = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 3.0], dtype="float32")
    metric = FactorizedTopK(table, ks=KS)
    metric.update_state(queries, table[rows], sample_weight=weight)
    assert values(metric) == pytest.approx(naive(queries, table, rows, KS, weight), abs=1e-6)
    metric.reset_state()
    metric.update_state(queries, table[rows], sample_weight=0 * weight)
    assert values(metric) == [0.0] * len(KS)


def test_bad_corpora_are_refused():
    with pytest.raises(DataError, match="empty corpus"):
        FactorizedTopK([])
    with pytest.raises(DataError, match="batch of shape"):
        FactorizedTopK([np.ones(3, dtype="float32")])
    with pytest.raises(ConfigError, match="ks of 1 or more"):
        FactorizedTopK(np.eye(2, dtype="float32"), ks=(0,))


def test_a_corpus_that_grew_is_refused():
    corpus = [np.eye(2, dtype="float32")]
    metric = FactorizedTopK(lambda: corpus[0])
    metric.reset_state()
    corpus[0] = np.eye(3, 2, dtype="float32")
    with pytest.raises(DataError, match="Make a new metric"):
        metric.reset_state()


class Layer:
    """A search that is not exact, and finds items 2 and 0 for everyone."""

    def is_exact(self):
        return False

    def __call__(self, queries, k):
        found = ops.tile(ops.convert_to_tensor(np.array([[2, 0]], dtype="int32")), (2, 1))
        scores = ops.convert_to_tensor(np.array([[2.0, 1.0], [2.0, np.nan]], dtype="float32"))
        return scores[:, :k], found[:, :k]

    def corpus(self):
        raise AssertionError


def test_of_a_search_that_is_not_exact_the_ids_are_compared():
    metric = FactorizedTopK(Layer(), ks=(1, 2))
    two = np.ones((2, 1), dtype="float32")
    metric.update_state(two, two, true_candidate_ids=np.array([0, 0], dtype="int32"))
    assert values(metric) == [0.0, 0.5]
    with pytest.raises(ConfigError, match="true_candidate_ids"):
        metric.update_state(two, two)


def test_of_an_exact_search_without_a_corpus_the_scores_are_compared():
    class Exact:
        def __init__(self, scores):
            self.scores = ops.convert_to_tensor(np.array(scores, dtype="float32"))

        def is_exact(self):
            return True

        def __call__(self, queries, k):
            return self.scores[:, :k], ops.zeros_like(self.scores[:, :k])

    two = np.ones((2, 1), dtype="float32")
    for scores, hits in [
        ([[3, 2, 1], [1, 0.5, 0]], [0.5, 0.5, 1.0]),
        ([[2, 1, 1], [1, 1, 1]], [0.0, 0.0, 0.0]),  # ties that may go on
        ([[2, 1], [1, 1]], [0.25, 1.0, 1.0]),  # the whole corpus
    ]:
        metric = FactorizedTopK(Exact(scores), ks=(1, 2, 3))
        metric.update_state(two, two)
        assert values(metric) == hits


class Towers(Model):
    """Embeds users and items; counts how often the whole corpus is embedded eagerly."""

    def __init__(self, during_training):
        super().__init__()
        self.users = keras.layers.Embedding(5, 4)
        self.items = keras.layers.Embedding(7, 4)
        self.calls = 0
        self.task = Retrieval(
            metrics=FactorizedTopK(self.corpus, ks=(1, 3), during_training=during_training)
        )

    def corpus(self):
        self.calls += 1
        return self.items(ops.arange(7))

    def compute_loss(self, features, training=False):
        return self.task(self.users(features["user"]), self.items(features["item"]))


def pairs(n=40):
    rng = np.random.default_rng(0)
    user = rng.integers(0, 5, n).astype("int32")
    return {"user": user, "item": ((user * 3 + rng.integers(0, 2, n)) % 7).astype("int32")}


def by_hand(model, data):
    users, items = (layer.get_weights()[0] for layer in (model.users, model.items))
    return naive(users[data["user"]], items, data["item"], (1, 3))


@pytest.mark.parametrize("during_training", [False, True])
def test_within_fit_and_evaluate_it_uses_the_weights_of_the_moment(during_training):
    keras.utils.set_random_seed(1)
    data, model = pairs(), Towers(during_training)
    model.compile(optimizer=keras.optimizers.Adagrad(0.5))
    history = model.fit(
        data, batch_size=8, epochs=3, verbose=0, validation_data=data, validation_batch_size=20
    )
    names = [f"factorized_top_k/top_{k}_categorical_accuracy" for k in (1, 3)]
    last = [history.history[f"val_{name}"][-1] for name in names]
    assert last == pytest.approx(by_hand(model, data), abs=1e-6)
    logs = model.evaluate(data, batch_size=7, verbose=0, return_dict=True)
    assert [logs[name] for name in names] == pytest.approx(last, abs=1e-6)
    trained = [history.history[name][-1] for name in names]
    # Measured before each update, so a little behind the validation; zero where not asked for.
    assert (trained[1] > 0.3) == during_training


def test_an_evaluation_embeds_the_corpus_once():
    data, model = pairs(), Towers(during_training=False)
    model.compile(optimizer="sgd")
    model.evaluate(data, batch_size=4, verbose=0)
    model.calls = 0
    model.evaluate(data, batch_size=4, verbose=0)
    assert model.calls == 1


def test_a_metric_of_ones_own():
    class MeanScore(Factorized):
        def __init__(self):
            super().__init__(name="own")
            self.score = keras.metrics.Mean(name="own/score")

        def update_state(
            self,
            query_embeddings,
            true_candidate_embeddings,
            true_candidate_ids=None,
            sample_weight=None,
        ):
            self.score.update_state(ops.sum(query_embeddings * true_candidate_embeddings, axis=1))

    metric = MeanScore()
    task = Retrieval(metrics=metric)
    task(np.ones((2, 3), dtype="float32"), np.ones((2, 3), dtype="float32"))
    assert {name: float(value) for name, value in metric.result().items()} == {"own/score": 3.0}
    metric.reset_state()
    assert values(metric) == [0.0]


class DenseTower(Model):
    """A dense query tower and a table of eight items, which the metric ranks in full."""

    def __init__(self, corpus):
        super().__init__()
        self.query, self.item = keras.layers.Dense(8), keras.layers.Embedding(8, 8)
        self.loads = 0
        self.metric = FactorizedTopK(self.embed if corpus is None else corpus, ks=(1, 2))
        self.task = Retrieval(metrics=self.metric)

    def embed(self):
        self.loads += 1
        return self.item(np.arange(8, dtype="int32"))

    def compute_loss(self, features, training=False):
        queries, items = self.query(features["x"]), self.item(features["i"])
        return self.task(queries, items, compute_metrics=not training)


def _eight_items():
    return {"x": np.ones((16, 8), "float32"), "i": np.arange(16, dtype="int32") % 8}


def test_a_variable_is_evaluated_against_again_and_again():
    """On JAX a compiled step consumes the buffers of its variables: they must not be shared."""
    table = keras.Variable(np.eye(8, dtype="float32"))
    model = DenseTower(table)
    model.compile("sgd")
    for _ in range(2):
        model.evaluate(_eight_items(), batch_size=4, verbose=0)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(table), np.eye(8))


def test_an_evaluation_embeds_the_corpus_once_with_the_weights_of_then():
    data = _eight_items()
    model = DenseTower(None)
    model.compile(keras.optimizers.SGD(0.5))
    model.fit(data, batch_size=4, verbose=0)
    before = model.loads
    model.evaluate(data, batch_size=4, verbose=0)
    assert model.loads == before + 1
    model.fit(data, batch_size=4, validation_data=data, validation_batch_size=4, verbose=0)
    corpus = keras.ops.convert_to_numpy(model.metric._corpus.embeddings)
    np.testing.assert_allclose(corpus, keras.ops.convert_to_numpy(model.embed()), rtol=1e-6)


class LiveBatches:
    """An iterable that embeds its batches with the weights of the moment it is asked."""

    def __init__(self):
        self.item = None

    def __iter__(self):
        for codes in (np.arange(5), np.arange(5, 8)):
            yield np.eye(8)[codes] if self.item is None else self.item(codes.astype("int32"))


def test_an_iterable_is_read_with_the_weights_of_each_evaluation():
    data, corpus = _eight_items(), LiveBatches()
    model = DenseTower(corpus)
    corpus.item = model.item
    model.compile(keras.optimizers.SGD(0.5))
    model.fit(data, batch_size=4, verbose=0)
    figures = model.evaluate(data, batch_size=4, return_dict=True, verbose=0)
    table = keras.ops.convert_to_numpy(model.item.embeddings)
    scores = keras.ops.convert_to_numpy(model.query(data["x"])) @ table.T
    own = scores[np.arange(16), data["i"]]
    for k in (1, 2):
        want = np.mean((scores > own[:, None]).sum(1) < k)
        got = figures[f"factorized_top_k/top_{k}_categorical_accuracy"]
        assert got == pytest.approx(want)


def test_a_generator_is_read_once():
    metric = FactorizedTopK((np.eye(4, dtype="float32")[i : i + 2] for i in (0, 2)), ks=(1,))
    for _ in range(2):
        metric.reset_state()
        metric.update_state(np.eye(4, dtype="float32"), np.eye(4, dtype="float32"))
        assert values(metric) == [1.0]

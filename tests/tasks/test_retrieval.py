from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.data import Batches
from shortlist.errors import ConfigError
from shortlist.losses import LearnedTemperature, StreamingFrequency, log_probability
from shortlist.metrics import FactorizedTopK
from shortlist.models import Model
from shortlist.tasks import Retrieval

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
QUERIES = RNG.normal(size=(6, 4)).astype("float32")
CANDIDATES = RNG.normal(size=(9, 4)).astype("float32")
IDS = np.array([1, 2, 3, 1, 2, 4, 1, 2, 9], dtype="int32")
WEIGHT = RNG.random(6).astype("float32")
PROBABILITY = RNG.random(9).astype("float32")
MASK = (RNG.random((6, 9)) < 0.5) | np.eye(6, 9, dtype=bool)

PLAIN = keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
OPTIONS = [
    {},
    {"temperature": 0.4},
    {"remove_accidental_hits": True},
    {"temperature": 0.4, "remove_accidental_hits": True},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("masked", [False, True])
def test_the_blockwise_loss_equals_the_one_of_whole_logits(options, masked):
    batch = {
        "sample_weight": WEIGHT,
        "candidate_sampling_probability": PROBABILITY,
        "candidate_ids": IDS,
        "score_mask": MASK if masked else None,
    }
    blockwise = float(Retrieval(**options)(QUERIES, CANDIDATES, **batch))
    whole = float(Retrieval(loss=PLAIN, **options)(QUERIES, CANDIDATES, **batch))
    assert blockwise == pytest.approx(whole, rel=1e-5)


def test_the_loss_is_a_sum_and_a_mean_when_asked():
    total = float(Retrieval()(QUERIES, CANDIDATES))
    assert float(Retrieval(reduction="mean")(QUERIES, CANDIDATES)) == pytest.approx(total / 6)
    dense = Retrieval(reduction="mean", num_hard_negatives=99)
    assert float(dense(QUERIES, CANDIDATES)) == pytest.approx(total / 6)
    assert float(dense(QUERIES, CANDIDATES, sample_weight=0 * WEIGHT)) == 0.0
    with pytest.raises(ConfigError, match="its own loss"):
        Retrieval(loss=PLAIN, reduction="mean")


@pytest.mark.parametrize("number", [None, 0, -3, 8, 100])
def test_hard_negatives_that_are_not_positive_or_too_many_keep_all(number):
    task = Retrieval(num_hard_negatives=number)
    assert float(task(QUERIES, CANDIDATES)) == pytest.approx(
        float(Retrieval()(QUERIES, CANDIDATES)), rel=1e-6
    )


def test_hard_negatives_are_those_with_the_highest_logits():
    scores = QUERIES @ CANDIDATES.T
    expected = 0.0
    for i, row in enumerate(scores):
        kept = np.append(np.sort(np.delete(row, i))[-2:], row[i])
        expected += np.log(np.exp(kept).sum()) - row[i]
    task = Retrieval(num_hard_negatives=2)
    assert float(task(QUERIES, CANDIDATES)) == pytest.approx(expected, rel=1e-5)


def test_of_several_heads_the_best_counts():
    heads = RNG.normal(size=(6, 3, 4)).astype("float32")
    scores = np.einsum("bhd,cd->bhc", heads, CANDIDATES).max(axis=1)
    expected = (np.log(np.exp(scores).sum(1)) - scores[np.arange(6), np.arange(6)]).sum()
    metric = FactorizedTopK(CANDIDATES)
    assert float(Retrieval(metrics=metric)(heads, CANDIDATES)) == pytest.approx(expected, rel=1e-5)
    assert float(metric.result()["factorized_top_k/top_100_categorical_accuracy"]) == 0.0


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dense", [False, True])
def test_distinct_candidates_and_queries_give_the_same_loss(options, dense):
    users = np.array([0, 1, 0, 0, 2, 1], dtype="int32")
    items, column, counts = np.unique(IDS[:6], return_inverse=True, return_counts=True)
    table = {i: CANDIDATES[k] for k, i in enumerate(items)}
    distinct = np.stack([table[i] for i in items])
    probability = PROBABILITY[: len(items)]
    metrics = [FactorizedTopK(CANDIDATES, ks=(1, 3)) for _ in range(2)]
    loss = PLAIN if dense else None
    repeated = Retrieval(loss=loss, metrics=metrics[0], **options)(
        QUERIES[users],
        distinct[column],
        sample_weight=WEIGHT,
        candidate_ids=items[column],
        candidate_sampling_probability=probability[column],
    )
    unique = Retrieval(loss=loss, metrics=metrics[1], **options)(
        QUERIES,
        distinct,
        sample_weight=WEIGHT,
        candidate_ids=items,
        candidate_sampling_probability=probability,
        positives=column.astype("int32"),
        query_rows=users,
        candidate_counts=counts.astype("float32"),
    )
    assert float(unique) == pytest.approx(float(repeated), rel=1e-5)
    both = [list(map(float, metric.result().values())) for metric in metrics]
    assert both[0] == pytest.approx(both[1])


def test_a_padded_batch_has_the_loss_and_metrics_of_its_rows():
    columns = {"user": np.array([0, 1, 0, 2], "int32"), "item": np.array([4, 4, 7, 2], "int32")}
    found = {}
    for pad in (False, True):
        (batch,) = Batches(columns, 10, unique=["user", "item"], pad=pad)
        metric = FactorizedTopK(CANDIDATES, ks=(1, 3))
        loss = Retrieval(metrics=metric)(
            QUERIES[batch["user_unique"]],
            CANDIDATES[batch["item_unique"]],
            sample_weight=batch.get("weight"),
            positives=batch["item_inverse"],
            query_rows=batch["user_inverse"],
            candidate_counts=batch["item_counts"],
        )
        found[pad] = [float(loss), *map(float, metric.result().values())]
    assert found[True] == pytest.approx(found[False], rel=1e-5)


def test_compute_metrics_leaves_out_the_metrics_over_the_corpus_alone():
    corpus = FactorizedTopK(CANDIDATES, ks=(9,))
    batch = keras.metrics.MeanMetricWrapper(lambda y, z: ops.ones_like(z), name="batch")
    loss = keras.metrics.Mean(name="task_loss")
    task = Retrieval(metrics=corpus, batch_metrics=[batch], loss_metrics=[loss])
    value = float(task(QUERIES, CANDIDATES, compute_metrics=False))
    assert [float(*corpus.result().values()), float(batch.result())] == [0.0, 1.0]
    assert float(loss.result()) == pytest.approx(value)
    batch.reset_state()
    task(QUERIES, CANDIDATES, compute_batch_metrics=False)
    assert [float(*corpus.result().values()), float(batch.result())] == [1.0, 0.0]


def test_every_metric_of_a_task_is_one_number_of_its_own_name():
    corpus = FactorizedTopK(CANDIDATES, ks=(1, 9))
    task = Retrieval(metrics=corpus, loss_metrics=[keras.metrics.Mean(name="task_loss")])
    value = float(task(QUERIES, CANDIDATES))
    found = {metric.name: float(metric.result()) for metric in task.metrics}
    assert found.pop("task_loss") == pytest.approx(value)
    assert found == {name: float(share) for name, share in corpus.result().items()}
    assert list(found)[1] == "factorized_top_k/top_9_categorical_accuracy"
    for metric in task.metrics:
        metric.reset_state()
    assert [float(metric.result()) for metric in task.metrics] == [0.0, 0.0, 0.0]


def test_ids_with_extra_negatives_are_those_of_the_positives():
    metric = FactorizedTopK((np.arange(9, dtype="int32"), CANDIDATES), ks=(9,))
    ids = np.array([0, 1, 2, 3, 4, 99, 6, 7, 8], dtype="int32")
    Retrieval(metrics=metric)(QUERIES, CANDIDATES, candidate_ids=ids)
    assert float(*metric.result().values()) == pytest.approx(5 / 6)


def test_factorized_metrics_can_be_exchanged_by_one_or_by_several():
    task = Retrieval(metrics=FactorizedTopK(CANDIDATES, name="old"))
    task(QUERIES, CANDIDATES)
    new = FactorizedTopK(CANDIDATES, name="new")
    task.factorized_metrics = new
    assert task.factorized_metrics == [new]
    assert task.metrics == new.metrics
    task.factorized_metrics = [new, new]
    assert task.factorized_metrics == [new, new]
    task.factorized_metrics = None
    assert task.metrics == []


def test_missing_ids_are_an_error():
    with pytest.raises(ConfigError, match="remove_accidental_hits=True expected candidate_ids"):
        Retrieval(remove_accidental_hits=True)(QUERIES, CANDIDATES)
    with pytest.raises(ConfigError, match="`sampling` expected candidate_ids"):
        Retrieval(sampling=np.ones(10))(QUERIES, CANDIDATES)


def test_the_sampling_probability_is_found_from_counts():
    counts = np.arange(1, 11)
    given = np.exp(log_probability(counts))[IDS]
    explicit = Retrieval()(QUERIES, CANDIDATES, candidate_sampling_probability=given)
    found = Retrieval(sampling=counts)(QUERIES, CANDIDATES, candidate_ids=IDS)
    assert float(found) == pytest.approx(float(explicit), rel=1e-5)


class Tiny(Model):
    def __init__(self):
        super().__init__()
        self.items = keras.layers.Embedding(10, 4)
        self.temperature = LearnedTemperature(0.5)
        self.frequency = StreamingFrequency(10, rate=0.5)
        self.task = Retrieval(temperature=self.temperature, sampling=self.frequency)

    def compute_loss(self, features, training=False):
        embeddings = self.items(features["item"])
        return self.task(embeddings, embeddings, candidate_ids=features["item"])


def test_temperature_and_frequencies_are_learned_within_fit():
    model = Tiny()
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    data = {"item": np.tile(np.array([1, 2], dtype="int32"), 20)}
    model.fit(data, batch_size=2, shuffle=False, verbose=0)
    temperature = ops.convert_to_numpy(model.temperature.value)
    assert abs(temperature - 0.5) > 1e-4
    frequencies = ops.convert_to_numpy(model.frequency(np.array([1, 2, 3], dtype="int32")))
    np.testing.assert_allclose(frequencies, [0.0, 0.0, -np.log(100.0)], atol=1e-3)


def test_strings_are_ids_on_tensorflow():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow has tensors of strings")
    import tensorflow as tf

    words = tf.constant([str(i) for i in IDS])
    task = Retrieval(remove_accidental_hits=True)
    got = tf.function(lambda: task(QUERIES, CANDIDATES, candidate_ids=words))()
    assert float(got) == pytest.approx(
        float(task(QUERIES, CANDIDATES, candidate_ids=IDS)), rel=1e-6
    )
    metric = FactorizedTopK((words[5:], CANDIDATES[5:]), ks=(4,))
    metric.update_state(QUERIES[:2], CANDIDATES[:2], true_candidate_ids=words[4:6])
    assert float(*metric.result().values()) == 1.0


@pytest.mark.parametrize("merge", [None, False])
@pytest.mark.filterwarnings("ignore:Model doesn't support `jit_compile=True`:UserWarning")
def test_a_model_that_asks_for_compilation_trains_in_any_case(merge):
    class Items(Model):
        def __init__(self):
            super().__init__()
            self.items = keras.layers.Embedding(10, 4)
            self.task = Retrieval(merge_repeats=merge)

        def compute_loss(self, features, training=False):
            embeddings = self.items(features["item"])
            return self.task(embeddings, embeddings)

    if keras.backend.backend() == "torch":
        pytest.skip("compiling takes a C++ compiler there")
    model = Items()
    model.compile(optimizer="sgd", jit_compile=True)
    data = {"item": np.tile(np.array([1, 2], dtype="int32"), 4)}
    history = model.fit(data, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"][0])
    if keras.backend.backend() == "tensorflow":
        assert model.jit_compile == (merge is False)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="others know every shape")
@pytest.mark.parametrize("number", [1, 3, 20])
def test_hard_negatives_of_batches_of_any_size(number):
    import tensorflow as tf

    task = Retrieval(num_hard_negatives=number)
    table = tf.constant(np.random.default_rng(0).normal(size=(6, 4)).astype("float32"))
    compiled = tf.function(task, input_signature=[tf.TensorSpec([None, 4])] * 2)
    for rows in (6, 2):
        queries, candidates = table[:rows], table[::-1][:rows]
        expected = float(task(queries, candidates))
        assert float(compiled(queries, candidates)) == pytest.approx(expected, rel=1e-5)

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses import (
    CrossBatchNegatives,
    bpr,
    explicit_negatives,
    log_probability,
    mixed_log_probability,
    sampled_softmax,
)
from shortlist.models import Model
from shortlist.tasks import Retrieval

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)


def test_explicit_negatives_are_scored_with_their_own_query():
    queries, positives = (RNG.normal(size=(3, 4)).astype("float32") for _ in range(2))
    negatives = RNG.normal(size=(3, 2, 4)).astype("float32")
    mask = np.array([[True, False], [True, True], [False, False]])
    labels, logits = map(
        ops.convert_to_numpy, explicit_negatives(queries, positives, negatives, mask)
    )
    for b in range(3):
        expected = [positives[b] @ queries[b], *(negatives[b] @ queries[b])]
        np.testing.assert_allclose(logits[b], expected, rtol=1e-4)
    np.testing.assert_array_equal(labels, [[1, 0, -1], [1, 0, 0], [1, -1, -1]])
    assert np.isfinite(float(bpr(labels, logits)))


def test_the_mixed_probability_is_that_of_either_part():
    p = np.array([0.5, 0.25, 0.0001], dtype="float32")
    got = np.exp(ops.convert_to_numpy(mixed_log_probability(np.log(p), 100, 300, 1000)))
    np.testing.assert_allclose(got, 0.25 * p + 0.75 / 1000, rtol=1e-5)
    same = mixed_log_probability(np.log(p), 10, 0, 1000)
    np.testing.assert_allclose(np.exp(ops.convert_to_numpy(same)), p, rtol=1e-5)
    with pytest.raises(ConfigError, match="batch >= 1"):
        mixed_log_probability(np.log(p), 0, 1, 1)


def test_the_mixed_probability_makes_sampled_and_full_softmax_agree():
    """The corrected loss of many mixed samples nears that of the whole catalogue."""
    rng = np.random.default_rng(1)
    counts = np.array([50, 30, 15, 4, 1])
    table, query = rng.normal(size=(5, 3)).astype("float32"), rng.normal(size=(1, 3))
    query = query.astype("float32")
    drawn = np.concatenate([[2], rng.choice(5, 4000, p=counts / 100), rng.integers(0, 5, 4000)])
    log_q = mixed_log_probability(log_probability(counts), 4001, 4000, 5)
    sampled = sampled_softmax(
        query,
        table[drawn],
        log_q=ops.take(log_q, drawn) + np.log(8001.0),
        candidate_ids=drawn.astype("int32"),
    )
    # Only the others' part of the sum is estimated, since accidental hits are out.
    full = sampled_softmax(query, table, positives=np.array([2], dtype="int32"))
    own = np.exp(table[2] @ query[0] - float(log_q[2]) - np.log(8001.0))
    scores = table @ query[0]
    others = np.delete(np.exp(scores), 2).sum()
    assert float(sampled) == pytest.approx(np.log(own + others) - np.log(own), abs=0.05)
    assert float(full) == pytest.approx(np.log(np.exp(scores).sum()) - scores[2], rel=1e-4)


def batch(first, number):
    ids = np.arange(first, first + number, dtype="int32")
    return np.repeat(ids[:, None], 2, axis=1).astype("float32"), ids


def recall(memory, ids, **options):
    found = memory(np.zeros((len(ids), 2), "float32"), ids, **options)
    return [ops.convert_to_numpy(x) for x in found]


def test_past_candidates_are_kept_until_newer_ones_take_their_place():
    memory = CrossBatchNegatives(5, embedding_dim=2)
    for start, number, expected in (
        (10, 2, []),
        (20, 2, [10, 11]),
        (30, 3, [10, 11, 20, 21]),
        (40, 1, [11, 20, 21, 30, 31, 32]),
        (50, 2, [21, 30, 31, 32, 40]),
    ):
        embeddings, ids, counts = map(
            ops.convert_to_numpy, memory(*batch(start, number), training=True)
        )
        assert embeddings.shape == (number + 5, 2)
        np.testing.assert_array_equal(ids[:number], range(start, start + number))
        known = sorted(ids[number:][counts[number:] > 0].tolist())
        assert known == sorted(expected[-5:])
        np.testing.assert_array_equal(embeddings[counts > 0][:, 0], ids[counts > 0])


def test_evaluation_neither_uses_nor_changes_the_memory():
    memory = CrossBatchNegatives(4, embedding_dim=2)
    memory(*batch(1, 2), training=True)
    for _ in range(2):
        _, _, counts = recall(memory, np.array([7, 8], dtype="int32"), training=False)
        assert counts.tolist() == [1, 1, 0, 0, 0, 0]
    _, ids, counts = recall(memory, np.array([9], dtype="int32"), training=True)
    assert sorted(ids[counts > 0].tolist()) == [1, 2, 9]


def test_nothing_is_added_during_the_warm_up():
    memory = CrossBatchNegatives(2, embedding_dim=2, warmup=2)
    sums = [recall(memory, np.array([i], "int32"), training=True)[2].sum() for i in range(4)]
    assert sums == [1, 1, 3, 3]


def test_bad_arguments_are_refused_and_good_ones_kept():
    with pytest.raises(ConfigError, match="at least a batch"):
        CrossBatchNegatives(1, embedding_dim=2)(*batch(0, 2))
    with pytest.raises(ConfigError, match="size >= 1"):
        CrossBatchNegatives(0, embedding_dim=2)
    layer = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(CrossBatchNegatives(3, embedding_dim=2, warmup=1))
    )
    assert (layer.size, layer.embedding_dim, layer.warmup) == (3, 2, 1)


class Remembering(Model):
    def __init__(self, **options):
        super().__init__()
        self.items = keras.layers.Embedding(9, 2)
        self.memory = CrossBatchNegatives(6, embedding_dim=2)
        self.task = Retrieval(remove_accidental_hits=True, **options)

    def compute_loss(self, features, training=False):
        queries = self.items(features["item"])
        candidates, ids, counts = self.memory(queries, features["item"])
        return self.task(queries, candidates, candidate_ids=ids, candidate_counts=counts)


@pytest.mark.parametrize("options", [{}, {"num_hard_negatives": 4}])
def test_within_fit_the_memory_fills_and_the_loss_is_finite(options):
    model = Remembering(**options)
    model.compile(optimizer="sgd")
    data = {"item": np.arange(8, dtype="int32")}
    model.fit(data, batch_size=2, epochs=2, shuffle=False, verbose=0)
    _, ids, counts = recall(model.memory, np.array([8], dtype="int32"), training=True)
    assert sorted(ids[counts > 0].tolist()) == [2, 3, 4, 5, 6, 7, 8]
    before = model.evaluate(data, batch_size=2, verbose=0, return_dict=True)
    assert np.isfinite(before["loss"])


def test_empty_places_take_no_part_with_whole_logits_either():
    queries = RNG.normal(size=(3, 2)).astype("float32")
    candidates = np.concatenate([queries, np.full((2, 2), 5, "float32")])
    counts = np.array([1, 1, 1, 0, 0], dtype="float32")
    whole = keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")
    for task in (Retrieval(), Retrieval(loss=whole), Retrieval(num_hard_negatives=2)):
        got = float(task(queries, candidates, candidate_counts=counts))
        assert got == pytest.approx(float(Retrieval()(queries, queries)), rel=1e-5)

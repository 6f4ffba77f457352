from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.losses import (
    EXCLUDED,
    StreamingFrequency,
    correct_sampling,
    log_probability,
    mine_hard_negatives,
    remove_accidental_hits,
)

pytestmark = pytest.mark.backend


def test_probabilities_come_from_counts_and_an_unseen_item_counts_once():
    np.testing.assert_allclose(np.exp(log_probability([6, 2, 0])), [0.75, 0.25, 0.125], rtol=1e-6)
    for counts in ([0, 0], [-1, 2], [[1]]):
        with pytest.raises(ConfigError, match="log_probability expected counts"):
            log_probability(counts)


def naive_stream(batches, slots, rate, initial):
    seen, interval = np.zeros(slots), np.full(slots, initial)
    for step, batch in enumerate(batches, 1):
        for slot in {int(i) % slots for i in batch}:
            if seen[slot] > 0:
                interval[slot] = (1 - rate) * interval[slot] + rate * (step - seen[slot])
            seen[slot] = step
    return -np.log(np.maximum(interval, 1))


def test_the_stream_follows_the_algorithm_with_repeated_ids():
    rng = np.random.default_rng(0)
    batches = rng.integers(0, 9, (30, 4)).astype("int32")
    layer = StreamingFrequency(7, rate=0.3, initial_interval=5.0)
    for batch in batches:
        layer(batch, training=True)
    everything = np.arange(7, dtype="int32")
    expected = naive_stream(batches, 7, 0.3, 5.0)
    for _ in range(2):
        got = ops.convert_to_numpy(layer(everything, training=False))
        np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_the_stream_finds_the_probability_of_being_drawn():
    layer = StreamingFrequency(2, rate=0.1)
    for step in range(240):
        layer(np.array([0, 1 if step % 4 == 0 else 0], dtype="int32"), training=True)
    got = np.exp(ops.convert_to_numpy(layer(np.arange(2, dtype="int32"))))
    np.testing.assert_allclose(got, [1.0, 0.25], rtol=0.05)


def test_the_stream_checks_and_keeps_its_arguments():
    for bad in ({"slots": 0}, {"slots": 1, "rate": 0.0}, {"slots": 1, "initial_interval": 0.5}):
        with pytest.raises(ConfigError, match="StreamingFrequency expected"):
            StreamingFrequency(**bad)
    layer = StreamingFrequency.from_config(StreamingFrequency(4, rate=0.2).get_config())
    assert (layer.slots, layer.rate, layer.initial_interval) == (4, 0.2, 100.0)


def test_the_correction_subtracts_the_clipped_logarithm():
    got = correct_sampling(np.zeros((1, 3), "float32"), np.array([0.0, 0.5, 2.0], "float32"))
    expected = [[-np.log(1e-6), np.log(2), 0]]
    np.testing.assert_allclose(ops.convert_to_numpy(got), expected, rtol=1e-5)


def test_hits_are_removed_from_rows_with_that_positive():
    logits = np.arange(12, dtype="float32").reshape(3, 4)
    got = ops.convert_to_numpy(
        remove_accidental_hits(np.eye(3, 4), logits, np.array([[5], [6], [5], [6]]))
    )
    expected = logits.copy()
    expected[0, 2] = expected[2, 0] = expected[1, 3] = EXCLUDED
    np.testing.assert_allclose(got, expected)


def test_the_hardest_negatives_are_kept_and_the_positive_comes_first():
    logits = np.array([[0.0, 5.0, 2.0, 9.0], [4.0, -1.0, 3.0, 8.0]], dtype="float32")
    labels = np.eye(2, 4)
    kept, marks = map(ops.convert_to_numpy, mine_hard_negatives(logits, labels, 2))
    np.testing.assert_array_equal(kept, [[0, 9, 5], [-1, 8, 4]])
    np.testing.assert_array_equal(marks, [[1, 0, 0], [1, 0, 0]])
    for number in (0, -1, 3, 10):
        kept, marks = mine_hard_negatives(logits, labels, number)
        np.testing.assert_array_equal(ops.convert_to_numpy(kept), logits)
        np.testing.assert_array_equal(ops.convert_to_numpy(marks), labels)


def test_layers_and_losses_are_known_to_keras():
    layer = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(StreamingFrequency(3))
    )
    assert isinstance(layer, StreamingFrequency)

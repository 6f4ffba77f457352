"""The Keras metrics of lists say what the NumPy functions say."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from shortlist.errors import ConfigError, DataError
from shortlist.metrics import (
    NDCG,
    HitRate,
    MeanAveragePrecision,
    MeanReciprocalRank,
    PrecisionAtK,
    RecallAtK,
    list_metrics,
)

pytestmark = pytest.mark.backend

CLASSES = {
    "ndcg": NDCG,
    "mrr": MeanReciprocalRank,
    "map": MeanAveragePrecision,
    "precision": PrecisionAtK,
    "recall": RecallAtK,
    "hit_rate": HitRate,
}


def example():
    rng = np.random.default_rng(1)
    labels = rng.choice([-1.0, 0.0, 0.0, 1.0, 2.0], size=(12, 6)).astype("float32")
    labels[0], labels[1] = -1.0, 0.0
    # Few distinct scores, so that many are tied.
    return labels, rng.integers(0, 4, (12, 6)).astype("float32"), rng.integers(0, 3, 12)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("k", [2, None])
def test_a_mean_over_batches_equals_the_numpy_function(name, k):
    labels, scores, weight = example()
    metric = CLASSES[name](k=k)
    assert metric.name == (name if k is None else f"{name}_at_{k}")
    for part in (slice(0, 6), slice(6, 12)):
        metric.update_state(labels[part], scores[part], sample_weight=weight[part])
    values = list_metrics(labels, scores, ks=(k or 6,))[f"{name}@{k or 6}"]
    if name == "precision" and k is None:
        known = (labels >= 0).sum(axis=1)
        values = values * 6 / np.maximum(known, 1)
    held = ~np.isnan(values)
    expected = np.average(values[held], weights=weight[held])
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert (again.k, again.name) == (k, metric.name)


def test_without_lists_it_is_zero_and_wrong_arguments_are_refused():
    metric = NDCG(k=3, gain="linear")
    assert float(metric.result()) == 0.0
    metric.update_state(-np.ones((2, 3), "float32"), np.ones((2, 3), "float32"))
    assert float(metric.result()) == 0.0
    with pytest.raises(DataError, match=r"NDCG expected labels and scores of one shape"):
        metric.update_state(np.ones(3, "float32"), np.ones(3, "float32"))
    with pytest.raises(ConfigError, match="k of 1 or more"):
        HitRate(k=0)

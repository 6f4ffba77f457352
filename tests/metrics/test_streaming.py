"""The Keras metrics of predictions come to what the exact functions say."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from shortlist.errors import ConfigError
from shortlist.metrics import (
    AUC,
    CalibrationError,
    GroupedAUC,
    NormalizedEntropy,
    auc,
    calibration_error,
    gauc,
    normalized_entropy,
)

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(3)
LOGITS = (RNG.normal(size=600) - 3).astype("float32")
PROBABILITIES = (1 / (1 + np.exp(-LOGITS))).astype("float32")
LABELS = (RNG.random(600) < PROBABILITIES).astype("float32")
WEIGHT = RNG.integers(0, 3, 600).astype("float32")
USERS = RNG.integers(0, 9, 600).astype("int32")
EXACT = {
    AUC: (auc, 1e-4),
    NormalizedEntropy: (normalized_entropy, 1e-5),
    CalibrationError: (calibration_error, 1e-5),
}


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("from_logits", [False, True])
def test_batch_by_batch_equals_the_exact_function(kind, from_logits):
    exact, tolerance = EXACT[kind]
    metric = kind(from_logits=from_logits)
    predictions = LOGITS if from_logits else PROBABILITIES
    for part in (slice(0, 300), slice(300, 600)):
        metric.update_state(LABELS[part], predictions[part][:, None], sample_weight=WEIGHT[part])
    expected = exact(LABELS, PROBABILITIES.astype(float), WEIGHT)
    assert float(metric.result()) == pytest.approx(expected, abs=tolerance)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert again.get_config() == metric.get_config()
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_rare_clicks_are_told_apart():
    # Probabilities around 1e-4, all below the first threshold of keras.metrics.AUC.
    labels = np.array([0, 0, 1, 1], "float32")
    rare = np.array([1e-4, 3e-4, 2e-4, 4e-4], "float32")
    metric = AUC()
    metric.update_state(labels, rare)
    assert float(metric.result()) == auc(labels, rare) == 0.75


def test_lists_with_masks():
    labels = np.array([[1, 0, -1], [0, 1, 0]], "float32")
    scores = np.array([[0.9, 0.1, np.nan], [0.5, 0.4, 0.2]], "float32")
    metric = AUC()
    metric.update_state(labels, scores, sample_weight=np.array([1.0, 2.0], "float32"))
    known = labels >= 0
    weight = np.array([[1.0], [2.0]]) * np.ones((2, 3))
    expected = auc(labels[known], scores[known], weight[known])
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)
    of_lists = GroupedAUC(groups=2)
    of_lists.update_state(labels, scores, groups=np.array([0, 1]))
    assert float(of_lists.result()) == pytest.approx((1.0 * 2 + 0.5 * 3) / 5)


def test_gauc_keeps_users_apart():
    metric = GroupedAUC(groups=9, bins=4096)
    for part in (slice(0, 300), slice(300, 600)):
        metric.update_state(
            LABELS[part], PROBABILITIES[part], sample_weight=WEIGHT[part], groups=USERS[part]
        )
    expected = gauc(LABELS, PROBABILITIES, USERS, WEIGHT)
    assert float(metric.result()) == pytest.approx(expected, abs=5e-4)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert again.get_config() == metric.get_config()


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match="2 bins or more"):
        AUC(bins=1)
    with pytest.raises(ConfigError, match="1 group or more"):
        GroupedAUC(groups=0)
    with pytest.raises(ConfigError, match="1 bin or more"):
        CalibrationError(bins=0)

from __future__ import annotations

import keras
import numpy as np
import pytest

from shortlist.tasks import Ranking, Task

pytestmark = pytest.mark.backend

LABELS = np.array([1.0, 0.0, 1.0], dtype="float32")
PREDICTIONS = np.array([0.9, 0.2, 0.6], dtype="float32")


def test_the_default_loss_is_binary_cross_entropy():
    expected = -np.mean(np.log([0.9, 0.8, 0.6]))
    task = Ranking()
    assert isinstance(task, Task)
    assert float(task(labels=LABELS, predictions=PREDICTIONS)) == pytest.approx(expected, rel=1e-5)
    assert float(task(LABELS, PREDICTIONS[:, None])) == pytest.approx(expected, rel=1e-5)


def test_weights_weigh_the_loss_and_zero_weights_leave_zero():
    task = Ranking(loss=keras.losses.MeanSquaredError())
    weight = np.array([0.0, 3.0, 0.0], dtype="float32")
    assert float(task(LABELS, PREDICTIONS, sample_weight=weight)) == pytest.approx(0.04, rel=1e-5)
    assert float(task(LABELS, PREDICTIONS, sample_weight=0 * weight)) == 0.0


def test_all_four_groups_of_metrics_are_updated_unless_told_not_to():
    task = Ranking(
        loss=keras.losses.MeanSquaredError(),
        metrics=[keras.metrics.RootMeanSquaredError(name="rmse")],
        prediction_metrics=[keras.metrics.Mean(name="prediction")],
        label_metrics=[keras.metrics.Mean(name="label")],
        loss_metrics=[keras.metrics.Mean(name="task_loss")],
    )
    task(LABELS, PREDICTIONS, compute_metrics=False)
    assert [float(metric.result()) for metric in task.metrics] == [0.0] * 4
    task(LABELS, PREDICTIONS)
    error = np.mean((LABELS - PREDICTIONS) ** 2)
    assert {metric.name: float(metric.result()) for metric in task.metrics} == pytest.approx(
        {
            "rmse": np.sqrt(error),
            "prediction": PREDICTIONS.mean(),
            "label": LABELS.mean(),
            "task_loss": error,
        },
        rel=1e-5,
    )

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

from shortlist.errors import ConfigError, DataError
from shortlist.losses import LIST_LOSSES, pairwise_hinge_loss, softmax_loss
from shortlist.metrics import NDCG, GroupedAUC
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


LISTS = np.array([[1.0, 0.0, -1.0], [0.0, 2.0, 1.0]], dtype="float32")
SCORES = np.array([[0.3, 0.1, 9.0], [0.4, 0.2, 0.1]], dtype="float32")


def test_losses_of_lists_go_in_by_name_or_as_objects():
    for name, loss in LIST_LOSSES.items():
        if name in {"gumbel_approx_ndcg", "ordinal", "sigmoid_cross_entropy"}:
            continue
        expected = float(loss(LISTS, SCORES))
        assert float(Ranking(name)(LISTS, SCORES)) == pytest.approx(expected)
    near = functools.partial(pairwise_hinge_loss, margin=0.1)
    assert float(Ranking(near)(LISTS, SCORES)) == pytest.approx(float(near(LISTS, SCORES)))
    grades = np.array([2.0, 0.0], "float32")
    logits = np.zeros((2, 3), "float32")
    assert float(Ranking("ordinal")(grades, logits)) == pytest.approx(3 * np.log(2))
    clicks = Ranking("sigmoid_cross_entropy")(LABELS, PREDICTIONS[:, None])
    assert float(clicks) == pytest.approx(np.mean(np.logaddexp(0, [-0.9, 0.2, -0.6])), rel=1e-5)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'softmax'"):
        Ranking("sofmax")


def test_noise_is_drawn_in_training_alone():
    task = Ranking("gumbel_approx_ndcg")
    plain = float(LIST_LOSSES["approx_ndcg"](LISTS, SCORES))
    assert float(task(LISTS, SCORES)) == pytest.approx(plain, rel=1e-5)
    first, second = (float(task(LISTS, SCORES, training=True)) for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.BinaryCrossentropy(),
        keras.losses.MeanSquaredError(reduction="sum"),
        keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        "sigmoid_cross_entropy",
    ],
)
def test_masked_labels_equal_labels_left_out(loss):
    metrics = [keras.metrics.MeanSquaredError(name="error")]
    task = Ranking(loss, metrics=metrics, label_metrics=[keras.metrics.Mean(name="mean")])
    weight = np.array([1.0, 2.0, 3.0], "float32")
    got = float(task(LABELS, PREDICTIONS, weight, label_mask=np.array([True, False, True])))
    kept = [0, 2]
    other = Ranking(loss)
    expected = float(other(LABELS[kept], PREDICTIONS[kept], weight[kept]))
    assert got == pytest.approx(expected, rel=1e-5)
    if not isinstance(loss, str):
        error = np.average((LABELS - PREDICTIONS)[kept] ** 2, weights=weight[kept])
        assert float(task.metrics[0].result()) == pytest.approx(error, rel=1e-5)
        assert float(task.metrics[1].result()) == 1.0
    assert float(task(LABELS, PREDICTIONS, label_mask=np.zeros(3, bool))) == 0.0


def test_lists_and_their_places_are_masked():
    task = Ranking("softmax", metrics=[NDCG(k=2)])
    mask = np.array([[True, True, True], [True, False, True]])
    hidden = np.where(mask, LISTS, -1).astype("float32")
    expected = float(softmax_loss(hidden, SCORES))
    assert float(task(LISTS, SCORES, label_mask=mask)) == pytest.approx(expected)
    value = float(task.metrics[0].result())
    assert value == pytest.approx((1 + 1 / np.log2(3)) / 2, rel=1e-5)
    only = float(task(LISTS, SCORES, label_mask=np.array([True, False])))
    assert only == pytest.approx(float(softmax_loss(LISTS[:1], SCORES[:1])))
    with pytest.raises(DataError, match=r"label_mask of shape \[B\]"):
        Ranking()(LISTS, SCORES, label_mask=mask)


def test_groups_reach_the_metrics_that_need_them():
    task = Ranking(metrics=[GroupedAUC(groups=2)])
    users = np.array([0, 0, 1], "int32")
    task(LABELS, PREDICTIONS, groups=users)
    assert float(task.metrics[0].result()) == 1.0
    with pytest.raises(DataError, match="'gauc' expected groups"):
        task(LABELS, PREDICTIONS)

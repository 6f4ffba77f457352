from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.models import Model
from shortlist.tasks import MultiTask, Ranking, Retrieval

pytestmark = pytest.mark.backend

NAN = np.nan


def squared(**options):
    return Ranking(keras.losses.MeanSquaredError(), **options)


def number(loss):
    return float(ops.convert_to_numpy(loss))


def arrays(*columns):
    return [np.array(column, "float32") for column in columns]


def test_fixed_weights_and_missing_labels():
    task = MultiTask({"a": squared(), "b": squared()}, weights={"b": 0.5})
    a, b, zero = arrays([1, NAN, 3], [2, 2, NAN], [0, 0, 0])
    loss = task(
        {
            "a": {"labels": a, "predictions": zero, "sample_weight": np.ones(3, "float32")},
            "b": {"labels": b, "predictions": zero, "label_mask": np.array([True, False, True])},
        }
    )
    assert float(loss) == pytest.approx((1 + 9) / 2 + 0.5 * 4)
    found = {metric.name: float(metric.result()) for metric in task.metrics}
    assert found == pytest.approx({"a/loss": 5.0, "b/loss": 4.0})


@pytest.mark.parametrize("weights", [None, "uncertainty"])
def test_a_task_without_labels_adds_nothing_and_no_gradient(weights, gradients):
    task = MultiTask({"a": squared(), "b": Ranking("softmax")}, weights=weights)
    a, nothing, zero = arrays([1, 3], [[NAN, NAN]] * 2, [0, 0])

    def loss(first, second):
        return task(
            {
                "a": {"labels": a, "predictions": first},
                "b": {"labels": nothing, "predictions": second},
            }
        )

    scores = np.array([[0.3, np.float32(1e4)]] * 2, "float32")
    assert number(loss(zero, scores)) == pytest.approx(5.0)
    if keras.backend.backend() != "jax":  # the metrics' state is no pure function of its input
        first, second = gradients(loss, zero, scores)
        np.testing.assert_allclose(first, [-1.0, -3.0])
        assert (second == 0).all()
    assert number(task({"b": {"labels": nothing, "predictions": scores}})) == 0.0
    found = {metric.name: float(metric.result()) for metric in task.metrics}
    assert found["b/loss"] == 0.0
    assert found["a/loss"] == pytest.approx(5.0)


def test_retrieval_beside_rating():
    retrieval = Retrieval(reduction="mean")
    task = MultiTask({"retrieval": retrieval, "rating": squared()}, weights={"rating": 2.0})
    queries = np.eye(3, dtype="float32")
    ratings, predicted = arrays([4, 5, NAN], [3, 3, 3])
    loss = task(
        {
            "retrieval": {"query_embeddings": queries, "candidate_embeddings": queries},
            "rating": {"labels": ratings, "predictions": predicted},
        }
    )
    alone = float(Retrieval(reduction="mean")(queries, queries))
    assert float(loss) == pytest.approx(alone + 2 * 2.5)
    mask = np.array([True, False, True])
    only = task(
        {
            "retrieval": {
                "query_embeddings": queries,
                "candidate_embeddings": queries,
                "label_mask": mask,
            }
        }
    )
    assert float(only) == pytest.approx(alone)


class Two(Model):
    """A logistic and a linear task on one number, each with its own metric of the same name."""

    def __init__(self, weights):
        super().__init__()
        self.heads = keras.layers.Dense(2)
        mean = keras.metrics.MeanSquaredError
        self.task = MultiTask(
            {
                "click": Ranking("sigmoid_cross_entropy", metrics=[mean(name="error")]),
                "rating": squared(metrics=[mean(name="error")]),
            },
            weights,
        )

    def compute_loss(self, features, training=False):
        found = self.heads(features["x"])
        return self.task(
            {
                "click": {"labels": features["click"], "predictions": found[:, 0]},
                "rating": {"labels": features["rating"], "predictions": found[:, 1]},
            }
        )


def test_it_trains_and_every_task_is_in_the_logs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 2)).astype("float32")
    noise = 0.1 * rng.normal(size=256)
    rating = np.where(rng.random(256) < 0.5, NAN, x[:, 1] + noise).astype("float32")
    data = {"x": x, "click": (x[:, 0] > 0).astype("float32"), "rating": rating}
    model = Two("uncertainty")
    model.compile(keras.optimizers.Adam(0.05))
    logs = model.fit(data, batch_size=64, epochs=60, verbose=0).history
    assert {f"{task}/{name}" for task in ("click", "rating") for name in ("loss", "error")} <= {
        *logs
    }
    assert np.isfinite(logs["loss"]).all()
    assert logs["rating/loss"][-1] < 0.05
    assert logs["rating/error"][-1] == pytest.approx(logs["rating/loss"][-1], rel=1e-3)
    # The weight of a task comes to half the inverse of its loss.
    assert logs["rating/weight"][-1] > 3 * logs["click/weight"][0]
    assert "click/weight" in model.evaluate(data, return_dict=True, verbose=0)


def test_learned_weights_balance_where_they_are_best():
    task = MultiTask({"a": squared()}, weights="uncertainty")
    labels, zero = arrays([2, 2], [0, 0])
    task.set_weights([np.log(2 * 4.0)])
    best = number(task({"a": {"labels": labels, "predictions": zero}}))
    for other in (-0.1, 0.1):
        task.set_weights([np.log(2 * 4.0) + other])
        assert number(task({"a": {"labels": labels, "predictions": zero}})) > best
    assert number(task.task_weights()["a"]) == pytest.approx(np.exp(-0.1) / 8, rel=1e-4)


def test_wrong_arguments_are_refused():
    with pytest.raises(ConfigError, match="at least one task"):
        MultiTask({})
    with pytest.raises(ConfigError, match="Did you mean 'rating'"):
        MultiTask({"rating": squared()}, weights={"ratng": 1.0})
    with pytest.raises(ConfigError, match="0 or more"):
        MultiTask({"rating": squared()}, weights={"rating": -1.0})
    with pytest.raises(ConfigError, match="Did you mean 'uncertainty'"):
        MultiTask({"rating": squared()}, weights="uncertain")
    task = MultiTask({"rating": squared()})
    with pytest.raises(ConfigError, match="Did you mean 'rating'"):
        task({"ratings": {"labels": np.ones(2), "predictions": np.ones(2)}})
    vector = MultiTask({"rating": Ranking(keras.losses.MeanSquaredError(reduction="none"))})
    with pytest.raises(ConfigError, match="return a scalar"):
        vector({"rating": {"labels": np.ones(2), "predictions": np.ones(2)}})

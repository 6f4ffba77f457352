"""What programs do with TFRS' objects beside fitting them."""

import keras
import numpy as np
import pytest
from keras import ops

from shortlist import tfrs
from shortlist.layers import FeatureConfig, TableConfig

pytestmark = pytest.mark.backend

on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="objects of TensorFlow"
)
EYE = np.eye(4, dtype="float32")


def test_the_result_is_a_list_in_the_order_of_ks():
    metric = tfrs.metrics.FactorizedTopK(EYE, ks=(1, 2))
    metric.update_state(EYE[:2], EYE[[0, 2]])
    # The second's true one ties with two others below one: two places, less one, for three.
    np.testing.assert_allclose(metric.result(), [0.5, (1 + 1 / 3) / 2], rtol=1e-6)
    assert [one.name for one in metric.metrics] == [
        "factorized_top_k/top_1_categorical_accuracy",
        "factorized_top_k/top_2_categorical_accuracy",
    ]
    metric.reset_states()
    np.testing.assert_array_equal(metric.result(), [0.0, 0.0])


def test_a_metric_of_ones_own_is_a_list_too():
    class Counted(tfrs.metrics.Factorized):
        def __init__(self):
            super().__init__(name="own")
            self.count = keras.metrics.Sum(name="own/count")

        def update_state(self, queries, candidates, ids=None, sample_weight=None):
            self.count.update_state(ops.ones_like(queries[:, 0]))

    metric = Counted()
    metric.update_state(EYE, EYE)
    assert [float(value) for value in metric.result()] == [4.0]
    metric.reset_states()
    assert [float(value) for value in metric.result()] == [0.0]


class Penalised(tfrs.Model):
    def __init__(self):
        super().__init__()
        self.table = keras.layers.Embedding(4, 4)
        corpus = tfrs.metrics.FactorizedTopK(lambda: self.table(np.arange(4)), ks=(1, 4))
        self.task = tfrs.tasks.Retrieval(metrics=corpus)

    def call(self, rows):
        self.add_loss(1000.0)
        return self.table(rows)

    def compute_loss(self, rows, training=False):
        return self.task(self(rows), self.table(rows))


def test_a_model_has_metrics_of_one_number_and_takes_a_number_for_a_loss():
    model = Penalised()
    model.compile(keras.optimizers.Adagrad(0.1))
    rows = np.arange(4, dtype="int32")
    logs = model.fit(rows, batch_size=4, epochs=2, verbose=0).history
    assert logs["regularization_loss"] == [1000.0, 1000.0]
    found = model.evaluate(rows, return_dict=True, verbose=0)
    assert {metric.name: float(metric.result()) for metric in model.metrics} == pytest.approx(found)
    assert found["factorized_top_k/top_4_categorical_accuracy"] == 1.0


def test_single_ids_may_be_numbers():
    config = {"a": FeatureConfig(TableConfig(5, 2)), "b": FeatureConfig(TableConfig(20, 3))}
    layer = tfrs.experimental.layers.embedding.PartialTPUEmbedding(
        config, "adam", size_threshold=10
    )
    found = layer({"a": 4, "b": 19})
    assert {name: tuple(value.shape) for name, value in found.items()} == {"a": (2,), "b": (3,)}


@on_tensorflow
def test_a_constant_may_be_a_whole_table():
    import tensorflow as tf

    table = tf.tpu.experimental.embedding.TableConfig(
        2, 4, initializer=tf.constant_initializer(np.arange(8.0)), name="table"
    )
    feature = tf.tpu.experimental.embedding.FeatureConfig(table)
    layer = tfrs.layers.embedding.TPUEmbedding({"x": feature}, "sgd")
    np.testing.assert_array_equal(layer({"x": np.array([1])})["x"], [[4.0, 5.0, 6.0, 7.0]])


@on_tensorflow
def test_raw_variables_and_rows_of_unknown_shape_are_trained():
    import tensorflow as tf

    clippy = tfrs.experimental.optimizers.ClippyAdagrad
    variables = [tf.Variable([[1.0], [2.0], [3.0]]) for _ in range(2)]
    rows = tf.IndexedSlices(tf.constant([[1.0], [0.5], [0.25]]), [2, 0, 2])
    whole = tf.constant([[0.5], [0.0], [1.25]])
    for variable, gradient in zip(variables, (rows, whole), strict=True):
        optimizer = clippy(0.1, export_clipping_factors=True)
        optimizer.apply_gradients([(gradient, variable)])
        assert len(optimizer.clipping_factors) == 1
    np.testing.assert_allclose(*variables)
    assert float(variables[0][1, 0]) == 2.0
    assert float(variables[0][2, 0]) < 3.0


def test_the_bounds_of_logits_are_there():
    loss = tfrs.layers.loss
    assert loss.MAX_FLOAT == -loss.MIN_FLOAT == np.finfo(np.float32).max / 100.0

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers import CompositeOptimizer, Embedding
from shortlist.models import Model

pytestmark = pytest.mark.backend

IDS = np.array([0, 1, 1, 3, 2, 1, 0, 0], "int32")


class Net(Model):
    def __init__(self, table_optimizer=None):
        super().__init__()
        self.table = Embedding(
            5,
            2,
            embeddings_initializer=keras.initializers.RandomNormal(seed=3),
            optimizer=table_optimizer,
        )
        self.dense = keras.layers.Dense(1, kernel_initializer="ones")

    def compute_loss(self, features, training=False):
        return ops.sum(ops.square(self.dense(self.table(features)) - 1.0))


def fitted(model, optimizer):
    model.compile(optimizer)
    model.fit(IDS, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return [ops.convert_to_numpy(w) for w in model.trainable_variables]


def test_a_table_and_the_rest_train_as_with_their_own_optimizers():
    model = Net()
    composite = CompositeOptimizer(
        [
            (keras.optimizers.Adam(0.1), lambda: model.table.trainable_variables),
            (keras.optimizers.Adagrad(0.2), lambda: model.dense.trainable_variables),
        ]
    )
    got = fitted(model, composite)
    expected = fitted(Net(keras.optimizers.Adam(0.1)), keras.optimizers.Adagrad(0.2))
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    assert [int(x.iterations) for x in composite.optimizers] == [6, 6]
    assert int(composite.iterations) == 6
    assert composite.optimizers[0].learning_rate is not None


def test_dense_variables_each_with_its_own():
    first, second = (keras.Variable(np.ones(2, "float32")) for _ in range(2))
    optimizer = CompositeOptimizer(
        [
            (keras.optimizers.SGD(0.5), lambda: [second]),
            (keras.optimizers.SGD(0.1), lambda: [first]),
        ]
    )
    optimizer.apply_gradients([(ops.ones(2), first), (ops.ones(2), second)])
    assert ops.convert_to_numpy(first).tolist() == pytest.approx([0.9, 0.9])
    assert ops.convert_to_numpy(second).tolist() == pytest.approx([0.5, 0.5])
    assert len(optimizer.weights) == sum(len(x.variables) for x in optimizer.optimizers)


def test_what_is_refused():
    variable = keras.Variable(np.ones(2, "float32"), name="lonely")
    sgd = keras.optimizers.SGD
    with pytest.raises(ConfigError, match="received none"):
        CompositeOptimizer([])
    with pytest.raises(ConfigError, match=r"lonely.*would not be trained"):
        CompositeOptimizer([(sgd(), lambda: [])]).apply([ops.ones(2)], [variable])
    twice = CompositeOptimizer([(sgd(), lambda: [variable]), (sgd(), lambda: [variable])])
    with pytest.raises(ConfigError, match="both in"):
        twice.build([variable])
    with pytest.raises(ConfigError, match="cannot be saved"):
        twice.get_config()
    with pytest.raises(ConfigError, match="no learning rate"):
        twice.learning_rate = 0.1
    model = Net()
    clipped = sgd(global_clipnorm=1.0)
    with pytest.raises(ConfigError, match="clipnorm"):
        fitted(model, CompositeOptimizer([(clipped, lambda: model.trainable_variables)]))

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers.rowwise_adagrad import RowwiseAdagrad
from shortlist.layers.rules import Moment, rule_for

pytestmark = pytest.mark.backend

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "rowwise_adagrad": lambda: RowwiseAdagrad(0.1),
    "adam": lambda: keras.optimizers.Adam(0.1),
    "amsgrad": lambda: keras.optimizers.Adam(0.1, amsgrad=True),
    "adamw": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.0),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.1),
    "rmsprop_centered": lambda: keras.optimizers.RMSprop(0.1, centered=True, momentum=0.9),
    "ftrl": lambda: keras.optimizers.Ftrl(
        0.1,
        l1_regularization_strength=0.01,
        l2_regularization_strength=0.02,
        l2_shrinkage_regularization_strength=0.03,
        beta=0.1,
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rule_does_to_rows_what_the_optimizer_does_to_a_variable(name):
    optimizer = OPTIMIZERS[name]()
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4, 3)).astype("float32")
    variable = keras.Variable(rows)
    optimizer.build([variable])
    rule = rule_for(optimizer)
    slots = {
        key: ops.full((4, 1 if slot.per_row else 3), slot.initial, dtype="float32")
        for key, slot in rule.slots.items()
    }
    rows = ops.convert_to_tensor(rows)
    for step in range(1, 5):
        gradient = ops.convert_to_tensor(rng.normal(size=(4, 3)).astype("float32"))
        moment = Moment(ops.convert_to_tensor(0.1), ops.convert_to_tensor(step))
        rows, slots = rule.update(rows, gradient, slots, moment)
        optimizer.apply([gradient], [variable])
        np.testing.assert_allclose(
            ops.convert_to_numpy(rows),
            ops.convert_to_numpy(variable.value),
            rtol=2e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize("name", ["sgd", "adagrad", "rowwise_adagrad"])
def test_rules_that_equal_the_dense_update_leave_rows_without_gradient(name):
    rule = rule_for(OPTIMIZERS[name]())
    rows = ops.ones((2, 3))
    slots = {
        key: ops.full((2, 1 if slot.per_row else 3), slot.initial)
        for key, slot in rule.slots.items()
    }
    moment = Moment(ops.convert_to_tensor(0.1), ops.convert_to_tensor(1))
    after, kept = rule.update(rows, ops.zeros((2, 3)), slots, moment)
    np.testing.assert_array_equal(ops.convert_to_numpy(after), np.ones((2, 3)))
    for key, value in slots.items():
        np.testing.assert_array_equal(ops.convert_to_numpy(kept[key]), ops.convert_to_numpy(value))


def test_an_optimizer_without_a_rule_is_named_with_the_ones_that_have_one():
    with pytest.raises(ConfigError, match=r"SGD.*Adagrad.*received Nadam"):
        rule_for(keras.optimizers.Nadam())


def test_a_subclass_with_its_own_formula_has_no_rule():
    class Mine(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            self.assign(variable, gradient)

    with pytest.raises(ConfigError, match="received Mine"):
        rule_for(Mine())

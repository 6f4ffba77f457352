from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from shortlist.layers import RowwiseAdagrad

pytestmark = pytest.mark.backend


def applied(optimizer, start, gradients):
    variable = keras.Variable(start)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
    return ops.convert_to_numpy(variable.value)


def test_one_step_in_closed_form():
    gradient = np.array([[3.0, 4.0], [0.0, 0.0]], "float32")
    after = applied(
        RowwiseAdagrad(0.5, initial_accumulator_value=0.0, epsilon=0.0),
        np.zeros((1, 2), "float32"),
        [gradient[:1]],
    )
    # The mean square is 12.5.
    np.testing.assert_allclose(after, -0.5 * gradient[:1] / np.sqrt(12.5), rtol=1e-6)


def test_several_steps_against_float64():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(5, 4)).astype("float32")
    gradients = rng.normal(size=(6, 5, 4)).astype("float32")
    expected, total = start.astype("float64"), np.full((5, 1), 0.1)
    for g in gradients.astype("float64"):
        total += (g**2).mean(axis=1, keepdims=True)
        expected -= 0.2 * g / np.sqrt(total + 1e-7)
    np.testing.assert_allclose(applied(RowwiseAdagrad(0.2), start, gradients), expected, rtol=1e-4)


def test_a_vector_gets_plain_adagrad():
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=4).astype("float32"), rng.normal(size=(3, 4))
    gradients = gradients.astype("float32")
    np.testing.assert_allclose(
        applied(RowwiseAdagrad(0.2), start, gradients),
        applied(keras.optimizers.Adagrad(0.2), start, gradients),
        rtol=1e-6,
    )


def test_config_round_trip():
    one = RowwiseAdagrad(0.3, initial_accumulator_value=0.5, epsilon=1e-3, clipnorm=1.0)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(one))
    assert isinstance(again, RowwiseAdagrad)
    assert again.get_config() == one.get_config()

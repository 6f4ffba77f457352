"""`RowwiseAdagrad`: Adagrad that remembers one number for each row of a table."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.layers._named import flat_name

__all__ = ["RowwiseAdagrad"]


@keras.saving.register_keras_serializable(package="shortlist")
class RowwiseAdagrad(keras.optimizers.Optimizer):
    r"""Adagrad with one accumulator a row, the mean of the squares of the row's gradient.

    .. math:: a_r \leftarrow a_r + \frac{1}{D} \sum_d g_{rd}^2, \qquad
              w_r \leftarrow w_r - \frac{\eta}{\sqrt{a_r + \epsilon}}\, g_r

    An embedding table of ``N`` rows then needs ``N`` more numbers in place of Adagrad's ``N * D``,
    for about the same quality (Mudigere et al. 2022, "Software-hardware co-design for fast and
    scalable training of deep learning recommendation models", where it is the usual choice). A row
    is whatever lies along the last axis; variables with fewer than two axes get plain Adagrad.

    Args:
        learning_rate: a number, a schedule or a callable.
        initial_accumulator_value: where every ``a`` starts.
        epsilon: keeps the root away from zero.
        name: the name of the optimizer.
        **kwargs: ``weight_decay``, ``clipnorm`` and the other arguments of Keras optimizers.

    >>> RowwiseAdagrad(0.1).get_config()["initial_accumulator_value"]
    0.1
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        name: str = "rowwise_adagrad",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def build(self, variables: list[Any]) -> None:
        """Create an accumulator for each row of each variable."""
        if self.built:
            return
        super().build(variables)
        self._accumulators = [
            self.add_variable(
                shape=(*v.shape[:-1], 1) if len(v.shape) > 1 else v.shape,
                initializer=keras.initializers.Constant(self.initial_accumulator_value),
                dtype=v.dtype,
                name=f"{flat_name(v)}_accumulator",
            )
            for v in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable as a whole."""
        rate = ops.cast(learning_rate, variable.dtype)
        # TensorFlow may hand over single rows; the sum is the gradient of the whole variable.
        gradient = ops.add(
            ops.cast(gradient, variable.dtype), ops.zeros(variable.shape, variable.dtype)
        )
        accumulator = self._accumulators[self._get_variable_index(variable)]
        square = ops.square(gradient)
        if len(variable.shape) > 1:
            square = ops.mean(square, axis=-1, keepdims=True)
        self.assign_add(accumulator, square)
        root = ops.sqrt(ops.add(accumulator, self.epsilon))
        self.assign_sub(variable, ops.divide(ops.multiply(rate, gradient), root))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer."""
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }

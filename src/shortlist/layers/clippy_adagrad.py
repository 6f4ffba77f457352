"""`ClippyAdagrad`: Adagrad whose steps never move a weight by more than a part of itself."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError
from shortlist.layers._named import flat_name

__all__ = ["ClippyAdagrad", "shrink_by_references"]


def shrink_by_references(
    tensor: Any, references: list[Any], relative_factors: list[float], absolute_factor: float
) -> tuple[Any, Any]:
    r"""Scale a tensor down as a whole until no element exceeds its bound.

    .. math:: |t_i| \cdot s \le \sum_j |r_{ij}| f_j + a, \qquad 0 \le s \le 1

    with the largest such ``s``.

    Args:
        tensor: ``t``, of any shape.
        references: each ``r_j``, of a shape that broadcasts to it.
        relative_factors: each ``f_j``, at least 0.
        absolute_factor: ``a``, at least 0.

    Returns:
        The scaled tensor and ``s``.

    Raises:
        ConfigError: a factor is negative, or there are not as many factors as references.

    >>> import numpy as np
    >>> steps, weights = np.array([1.0, 1.0], "float32"), np.array([1.0, -4.0], "float32")
    >>> float(shrink_by_references(steps, [weights], [0.5], 0.0)[1])
    0.5
    """
    if min([*relative_factors, absolute_factor]) < 0:
        raise ConfigError(
            f"shrink_by_references expected factors of at least 0; received {relative_factors} and "
            f"{absolute_factor}."
        )
    if len(references) != len(relative_factors):
        raise ConfigError(
            "shrink_by_references expected as many relative_factors as references; received "
            f"{len(relative_factors)} and {len(references)}."
        )
    tensor = ops.convert_to_tensor(tensor)
    size = ops.abs(tensor)
    bound = ops.zeros_like(size) + absolute_factor
    for reference, factor in zip(references, relative_factors, strict=True):
        bound = bound + ops.abs(reference) * factor
    still = ops.equal(size, 0)
    scales = ops.where(still, ops.ones_like(size), bound / ops.where(still, 1, size))
    scale = ops.minimum(ops.min(scales), 1)
    return tensor * scale, scale


@keras.saving.register_keras_serializable(package="shortlist")
class ClippyAdagrad(keras.optimizers.Optimizer):
    r"""Adagrad with an adaptive limit to each step.

    The step of a variable is scaled down as a whole so that no weight ``w`` with accumulator ``a``
    moves by more than

    .. math:: |w| \cdot \text{variable\_relative\_threshold}
              + \text{accumulator\_relative\_threshold} / \sqrt{a + \epsilon}
              + \text{absolute\_threshold}

    Tables of `shortlist.layers.Embedding` are updated row by row, which gives the same, for rows
    that do not move set no limit.

    Args:
        learning_rate: a number, a schedule or a callable; 1 gives the form of the paper.
        initial_accumulator_value: where every accumulator starts.
        variable_relative_threshold: of the formula; at least 0.
        accumulator_relative_threshold: of the formula; above 0 the limit falls as training goes on.
        absolute_threshold: of the formula; what a weight of 0 may move by.
        epsilon: keeps the root away from zero.
        export_clipping_factors: keep the scale of each variable's last step in
            ``clipping_factors``, a list in the order of the variables, else empty.
        clip_accumulator_update: let the accumulator see the scaled gradient.
        use_standard_accumulator_update: update the accumulator before the step is computed, as
            Adagrad does, not after it.
        name: the name of the optimizer.
        **kwargs: ``weight_decay``, ``clipnorm`` and the other arguments of Keras optimizers.

    Raises:
        ConfigError: both accumulator updates are asked for.

    Reference: Tang et al. 2023, "Improving Training Stability for Multitask Ranking Models in
    Recommender Systems".

    >>> ClippyAdagrad(1.0).get_config()["variable_relative_threshold"]
    0.1
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        variable_relative_threshold: float = 0.1,
        accumulator_relative_threshold: float = 0.0,
        absolute_threshold: float = 1e-7,
        epsilon: float = 1e-7,
        export_clipping_factors: bool = False,
        clip_accumulator_update: bool = False,
        use_standard_accumulator_update: bool = False,
        name: str = "ClippyAdagrad",
        **kwargs: Any,
    ) -> None:
        if clip_accumulator_update and use_standard_accumulator_update:
            raise ConfigError(
                "ClippyAdagrad received clip_accumulator_update and "
                "use_standard_accumulator_update, of which only one can be True: the scale is not "
                "known before the accumulator is updated."
            )
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.variable_relative_threshold = variable_relative_threshold
        self.accumulator_relative_threshold = accumulator_relative_threshold
        self.absolute_threshold = absolute_threshold
        self.epsilon = epsilon
        self.export_clipping_factors = export_clipping_factors
        self.clip_accumulator_update = clip_accumulator_update
        self.use_standard_accumulator_update = use_standard_accumulator_update
        self.clipping_factors: list[Any] = []

    def build(self, variables: list[Any]) -> None:
        """Create an accumulator for each variable."""
        if self.built:
            return
        super().build(variables)
        initializer = keras.initializers.Constant(self.initial_accumulator_value)
        self._accumulators = self.add_optimizer_variables(
            variables, "accumulator", initializer=initializer
        )
        if self.export_clipping_factors:
            self.clipping_factors = [
                self.add_variable(shape=(), name=f"{flat_name(v)}_clipping_factor")
                for v in variables
            ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = _whole(gradient, variable)
        place = self._get_variable_index(variable)
        accumulator = self._accumulators[place]
        values = ops.convert_to_tensor(variable)
        step, total, scale = self.step(values, gradient, ops.convert_to_tensor(accumulator), rate)
        if self.export_clipping_factors:
            self.assign(self.clipping_factors[place], scale)
        self.assign(accumulator, total)
        self.assign_sub(variable, step)

    def step(self, values: Any, gradient: Any, accumulator: Any, rate: Any) -> tuple[Any, Any, Any]:
        """What to subtract from ``values``, the new accumulator and the scale of the step."""
        if self.use_standard_accumulator_update:
            accumulator = accumulator + ops.square(gradient)
        inverse = ops.rsqrt(accumulator + self.epsilon)
        step, scale = shrink_by_references(
            rate * gradient * inverse,
            [values, inverse],
            [self.variable_relative_threshold, self.accumulator_relative_threshold],
            self.absolute_threshold,
        )
        if not self.use_standard_accumulator_update:
            seen = gradient * scale if self.clip_accumulator_update else gradient
            accumulator = accumulator + ops.square(seen)
        return step, accumulator, scale

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer."""
        names = (
            "initial_accumulator_value",
            "variable_relative_threshold",
            "accumulator_relative_threshold",
            "absolute_threshold",
            "epsilon",
            "export_clipping_factors",
            "clip_accumulator_update",
            "use_standard_accumulator_update",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _whole(gradient: Any, variable: Any) -> Any:
    """The gradient of a whole variable; TensorFlow may hand over single rows, some repeated."""
    if not hasattr(gradient, "dense_shape"):
        return ops.cast(gradient, variable.dtype)
    rows = ops.expand_dims(ops.convert_to_tensor(gradient.indices), 1)
    return ops.scatter(rows, ops.cast(gradient.values, variable.dtype), variable.shape)

"""A temperature that is learned with the model."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from shortlist.errors import ConfigError

__all__ = ["LearnedTemperature"]


@keras.saving.register_keras_serializable(package="shortlist")
class LearnedTemperature(keras.layers.Layer):
    """One positive number that divides the scores, trained like any weight.

    Its logarithm is the weight, so a step changes it by a factor, and it never goes below
    ``minimum`` (Radford et al. 2021, "Learning transferable visual models from natural language
    supervision", where the scale is 0.07 at first and kept above 0.01).

    Args:
        initial: the first value.
        minimum: the smallest value.

    >>> temperature = LearnedTemperature(0.07)
    >>> print(f"{keras.ops.convert_to_numpy(temperature.value):.2f}")
    0.07
    """

    def __init__(self, initial: float = 0.07, *, minimum: float = 0.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0.0 < minimum <= initial:
            raise ConfigError(
                "LearnedTemperature expected 0 < minimum <= initial; received "
                f"minimum={minimum} and initial={initial}."
            )
        self.initial, self.minimum = initial, minimum
        self._logarithm = self.add_weight(
            (), keras.initializers.Constant(math.log(initial)), name="log_temperature"
        )
        self.built = True

    @property
    def value(self) -> Any:
        """The temperature, a scalar tensor."""
        return ops.exp(ops.maximum(self._logarithm, math.log(self.minimum)))

    def call(self, scores: Any) -> Any:
        """``scores / value``, of any shape."""
        return scores / self.value

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {**super().get_config(), "initial": self.initial, "minimum": self.minimum}

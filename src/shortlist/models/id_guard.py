"""`IdGuard`: carries an id that is out of range out of a compiled step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["IdGuard"]


class IdGuard(keras.metrics.Metric):
    """Remembers the first id of an epoch that is not a row of its table.

    A compiled step cannot raise an error. What it can change is a metric, and this one adds
    nothing to the logs. ``found`` is ``[3]`` int: 1 once there is one, the number of the layer,
    the id.
    """

    def __init__(self) -> None:
        super().__init__(name="id_guard")
        self.found = self.add_variable(shape=(3,), initializer="zeros", dtype="int", name="found")

    def update_state(self, place: int, outside: Any) -> None:
        """Take in what was found of the ids of layer number ``place``: ``[2]``, whether and id."""
        seen = ops.stack([outside[0], ops.convert_to_tensor(place, outside.dtype), outside[1]])
        before = ops.convert_to_tensor(self.found.value)
        self.found.assign(ops.where(before[0] > 0, before, seen))

    def result(self) -> dict[str, Any]:
        """Nothing for the logs."""
        return {}

"""What a ragged or sparse tensor holds, as flat tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Entries"]


@dataclass(frozen=True)
class Entries:
    """The ids of a batch, one after the other.

    Attributes:
        ids: ``[n]``.
        weights: ``[n]``, or None where all are 1.
        rows: ``[n]`` int32, the place of the list that each belongs to, in the flat batch.
        places: ``[n]`` int32, where each stands in its list.
        shape: of the batch, without the axis of the lists: integers, or scalar tensors where a
            size is not known before.
    """

    ids: Any
    weights: Any
    rows: Any
    places: Any
    shape: tuple[Any, ...]

    @property
    def count(self) -> Any:
        """How many lists there are."""
        return math.prod(self.shape)

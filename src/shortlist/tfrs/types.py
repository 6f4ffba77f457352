"""Types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Activation"]

#: An activation: a function of a tensor, or its name.
Activation = Callable[[Any], Any] | str

"""Nothing is ragged on JAX and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shortlist._backend.ragged.entries import Entries


def is_ragged(value: Any) -> bool:
    """Whether ``value`` is a ragged or sparse tensor: never."""
    del value
    return False


def entries(ids: Any, weights: Any) -> Entries:
    """There is no ragged tensor to take apart."""
    del weights
    raise TypeError(f"There are no ragged tensors on this backend; received {type(ids)}.")


def map_values(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply ``function``."""
    return function(value)

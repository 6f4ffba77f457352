"""What variables are called."""

from __future__ import annotations

from typing import Any

__all__ = ["flat_name", "name_of"]


def name_of(variable: Any) -> str:
    """The path of a Keras variable; the name of one of TensorFlow's own, which has no path."""
    found: str = getattr(variable, "path", variable.name)
    return found


def flat_name(variable: Any) -> str:
    """The same as part of another name."""
    return name_of(variable).replace("/", "_").replace(":", "_")

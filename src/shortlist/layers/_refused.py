"""`RefusedError`: a method that a class has by its kind and cannot offer."""

from __future__ import annotations

from shortlist.errors import ConfigError

__all__ = ["RefusedError"]


class RefusedError(ConfigError, NotImplementedError):
    """A method was called that this class cannot offer; the message says what to call."""

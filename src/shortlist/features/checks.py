"""Checks of hyperparameters and of arrays that several features share."""

from __future__ import annotations

from typing import Any

import numpy as np

from shortlist.errors import ConfigError, DataError

__all__ = ["choice", "finite", "positive", "text"]


def positive(*, optional: bool = False, **options: Any) -> None:
    """Check that hyperparameters are whole numbers of at least 1, or None where ``optional``.

    Raises:
        ConfigError: one is not.
    """
    for name, value in options.items():
        if not (optional and value is None) and (type(value) is not int or value < 1):
            raise ConfigError(f"{name} must be a whole number of at least 1; received {value!r}.")


def text(*, optional: bool = False, **options: Any) -> None:
    """Check that hyperparameters are strings that are not empty, or None where ``optional``.

    Raises:
        ConfigError: one is not.
    """
    for name, value in options.items():
        if not (optional and value is None) and not (isinstance(value, str) and value):
            raise ConfigError(f"{name} must be a string that is not empty; received {value!r}.")


def choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    """Check that a hyperparameter is one of a few values.

    Raises:
        ConfigError: it is not.
    """
    if value not in choices:
        raise ConfigError(f"{name} must be one of {choices}; received {value!r}.")


def finite(array: np.ndarray, what: str) -> np.ndarray:
    """Return ``array`` as float32 if it is finite.

    Raises:
        DataError: a value is infinite, NaN or too large for float32; the first such row is named.
    """
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.isfinite(single).all():
        place = tuple(np.argwhere(~np.isfinite(single))[0])
        raise DataError(
            f"Expected finite {what}; row {place[0]} has {array[place]}. A missing row is null."
        )
    return single

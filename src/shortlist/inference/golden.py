"""Golden answers: what a model said when it was saved, to be said again whenever it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from shortlist.errors import BundleError

__all__ = ["TOLERANCE", "questions", "replay"]

#: How far an answer may be from the golden one, where that is below 1; relative to it above.
TOLERANCE = 1e-4
_ROWS = 8


class Info(Protocol):
    """What is known of a feature; `FeatureInfo` is one."""

    @property
    def kind(self) -> Any:
        """One of "categorical", "multi", "numeric" and "vector"."""

    @property
    def size(self) -> int | None:
        """The number of codes."""

    @property
    def length(self) -> int | None:
        """The places of a row of codes."""

    @property
    def dim(self) -> int | None:
        """The width of a vector."""


def questions(features: Mapping[str, Info]) -> dict[str, np.ndarray]:
    """A few rows of every feature, the first of them unknown or empty throughout, the last full."""
    generator = np.random.default_rng(0)
    return {name: _question(info, generator) for name, info in features.items()}


def _question(info: Info, generator: np.random.Generator) -> np.ndarray:
    if info.kind == "numeric":
        return generator.normal(size=_ROWS).astype(np.float32)
    if info.kind == "vector":
        return generator.normal(size=(_ROWS, info.dim or 1)).astype(np.float32)
    size, length = info.size or 1, info.length or 1
    shape = (_ROWS,) if info.kind == "categorical" else (_ROWS, length)
    codes = generator.integers(min(1, size - 1), size, shape).astype(np.int32)
    if info.kind == "multi":  # codes first, padding after them
        filled = np.linspace(0, length, _ROWS).astype(int)
        codes[np.arange(length) >= filled[:, None]] = 0
    codes[0] = 0
    return codes


def replay(
    name: str,
    answer: Callable[[dict[str, np.ndarray]], np.ndarray],
    asked: Mapping[str, np.ndarray],
    golden: np.ndarray,
) -> None:
    """Ask again, all rows at once and the last one alone, and hold the answers to ``golden``.

    Raises:
        BundleError: an answer has another shape, or is further away than `TOLERANCE`.
    """
    for rows in (slice(None), slice(-1, None)):
        found = answer({feature: array[rows] for feature, array in asked.items()})
        expected = golden[rows]
        if found.shape != expected.shape:
            raise BundleError(
                f"{name} expected answers of shape {expected.shape}, as when it was saved; it "
                f"gives {found.shape}. Write the bundle again, or copy it again, whole."
            )
        away = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
        if not (away <= TOLERANCE).all():  # written so that NaN is caught
            raise BundleError(
                f"{name} expected the answers it gave when it was saved, to {TOLERANCE:g}; it is "
                f"{away.max():.3g} away from them. Write the bundle again."
            )

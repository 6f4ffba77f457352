"""From values to pixels, and the round numbers along the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Axis"]


@dataclass(frozen=True)
class Axis:
    """One side of a figure.

    Attributes:
        name: what is drawn along it.
        ticks: the values that are written, ascending; the first and last are its ends.
        begin: the pixel of the first tick.
        end: the pixel of the last.
        log: whether equal steps are equal factors.
    """

    name: str
    ticks: tuple[float, ...]
    begin: float
    end: float
    log: bool = False

    @classmethod
    def of(cls, name: str, values: Sequence[float], begin: float, end: float) -> Axis:
        """Cover ``values`` with four to nine round numbers.

        >>> Axis.of("share", [0.12, 0.31], 0, 100).ticks
        (0.1, 0.15, 0.2, 0.25, 0.3, 0.35)
        """
        return cls(name, _round(values), begin, end)

    @classmethod
    def at_values(cls, name: str, values: Sequence[float], begin: float, end: float) -> Axis:
        """Write the values themselves, equal factors apart, as fits cut-offs such as 1, 10, 100."""
        ticks = tuple(sorted(set(values)))
        if len(ticks) == 1:
            ticks = (ticks[0], ticks[0] * 2)
        return cls(name, ticks, begin, end, log=True)

    @classmethod
    def at_powers(cls, name: str, values: Sequence[float], begin: float, end: float) -> Axis:
        """Cover ``values`` above 0 with powers of ten, equal factors apart.

        >>> Axis.at_powers("milliseconds", [0.3, 20], 0, 100).ticks
        (0.1, 1.0, 10.0, 100.0)
        """
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        powers = range(low, max(high, low + 1) + 1)
        return cls(name, tuple(10.0**power for power in powers), begin, end, log=True)

    def at(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = (
            (math.log(self.ticks[0]), math.log(self.ticks[-1]), math.log(value))
            if self.log
            else (self.ticks[0], self.ticks[-1], value)
        )
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)


def _round(values: Sequence[float]) -> tuple[float, ...]:
    low, high = min(values), max(values)
    # Values that are all alike still want two ends, and those must differ in floating point.
    span = max(high - low, 1e-6, 1e-9 * max(abs(low), abs(high)))
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (factor * step) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    numbers = range(first, max(last, first + 1) + 1)
    return tuple(round(number * step, 9) for number in numbers)

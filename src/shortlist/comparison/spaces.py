"""Where the tuning of an option may look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Choice", "Range"]


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``; integers where both are, and by factors where ``log``."""

    low: float
    high: float
    log: bool = False

    def draw(self, trial: Any, name: str) -> float:
        """A value for this trial of a study."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(trial.suggest_int(name, self.low, self.high, log=self.log))
        return float(trial.suggest_float(name, self.low, self.high, log=self.log))

    def holds(self, value: Any) -> bool:
        """Whether the value may be drawn."""
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]

    def draw(self, trial: Any, name: str) -> Any:
        """A value for this trial of a study."""
        return trial.suggest_categorical(name, list(self.values))

    def holds(self, value: Any) -> bool:
        """Whether the value may be drawn."""
        return value in self.values

"""What a training step remembers of the rows it looked up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Lookup", "OutOfRange", "Tape", "active_tape", "recording"]


class OutOfRange(Exception):  # noqa: N818  (the layer turns it into an error that names the table)
    """An id that is not a row of its table."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value


@dataclass(frozen=True)
class Lookup:
    """One lookup of a step: ``ids`` ``[n]`` int and ``rows`` ``[n, D]`` or their gradient."""

    variable: Any
    ids: Any
    rows: Any


class Tape(Protocol):
    """Keeps the lookups of one step."""

    lookups: list[Lookup]
    flags: list[tuple[Any, Any]]

    def watch(self, variable: Any, ids: Any, updated: Any) -> Any:
        """Rows ``[n, D]`` of ``variable`` for flat ``ids``, whose gradient will be asked for.

        ``updated`` ``[n]`` are the rows to update: ``ids``, or the number of rows where none is.
        """

    def wants(self, variable: Any) -> bool:
        """Whether the rows of this variable are to be updated by the step."""

    def flag(self, layer: Any, found: Any) -> None:
        """Keep what ``outside`` found of the ids that a layer was called with."""


_state = threading.local()


def active_tape() -> Any | None:
    """The tape of the step that runs in this thread, if one does."""
    return getattr(_state, "tape", None)


@contextmanager
def recording(tape: Any) -> Iterator[Any]:
    """Let the layers called inside tell ``tape`` of their lookups."""
    before = active_tape()
    _state.tape = tape
    try:
        yield tape
    finally:
        _state.tape = before

"""What the stages of a job took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Stage", "timed"]


@dataclass(frozen=True)
class Stage:
    """One finished stage of a job: what it was, how long it took, what came of it."""

    name: str
    seconds: float
    detail: str


@contextmanager
def timed(
    name: str, stages: list[Stage], on_stage: Callable[[Stage], None] | None
) -> Iterator[Callable[[str], None]]:
    """Time a stage, add it to ``stages`` and tell ``on_stage``; the block says what came of it."""
    details: list[str] = []
    began = time.perf_counter()
    yield details.append
    stage = Stage(name, time.perf_counter() - began, " ".join(details))
    stages.append(stage)
    if on_stage is not None:
        on_stage(stage)

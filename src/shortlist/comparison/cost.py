"""What a training takes: time on the clock, time of the processor, memory."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from shortlist.report import Cost

__all__ = ["measured"]

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

T = TypeVar("T")


def measured(work: Callable[[], T]) -> tuple[T, Cost]:
    """Do ``work`` and say what it took.

    Linux keeps the most memory a process has held and lets it be set back; where there is no such
    thing the peak is None.
    """
    before = _held_from_now()
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    most = _kilobytes("VmHWM") if before is not None else None
    peak = None if before is None or most is None else max(0, most - before) * 1024
    return found, Cost(wall, cpu, peak)


def _held_from_now() -> int | None:
    gc.collect()
    # What was freed is given back first, or the work would take it and seem to need nothing.
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)
    try:
        _RESET.write_text("5")
    except OSError:
        return None
    return _kilobytes("VmRSS")


def _kilobytes(name: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith(f"{name}:")]
    return int(found[0].split()[1]) if found else None

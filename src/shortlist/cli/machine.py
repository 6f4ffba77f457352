"""What there is to compute with: cores, memory and the threads libraries were told to use."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "look_at_machine"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "POLARS_MAX_THREADS",
    "XLA_FLAGS",
)
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """The means of this process.

    Attributes:
        cores: those of the machine.
        usable_cores: those this process may run on, after affinity and a container's quota.
        memory: bytes in all, or those of the container; None where the system does not say.
        available_memory: bytes still to be had; None where the system does not say.
        threads: the environment variables that set thread counts, where they are set.
    """

    cores: int
    usable_cores: int
    memory: int | None
    available_memory: int | None
    threads: dict[str, str]


def look_at_machine() -> Machine:
    """Ask the operating system."""
    cores = os.cpu_count() or 1
    total, available = _memory()
    threads = {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}
    return Machine(cores, _usable_cores(cores), total, available, threads)


def _usable_cores(cores: int) -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return min(allowed, _quota(_read(_CGROUP / "cpu.max")) or allowed)


def _quota(cpu_max: str) -> int | None:
    """Cores granted by a control group, whose file reads ``"150000 100000"`` or ``"max 100000"``.

    >>> _quota("150000 100000"), _quota("max 100000"), _quota("")
    (2, None, None)
    """
    share, _, period = cpu_max.strip().partition(" ")
    if not (share.isdigit() and period.isdigit() and int(period)):
        return None
    return max(1, math.ceil(int(share) / int(period)))


def _memory() -> tuple[int | None, int | None]:
    total, available = _meminfo(_read(Path("/proc/meminfo")))
    if total is None and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read(_CGROUP / "memory.max").strip()
    if limit.isdigit() and (total is None or int(limit) < total):
        used = _read(_CGROUP / "memory.current").strip()
        left = int(limit) - int(used) if used.isdigit() else int(limit)
        return int(limit), min(left, available) if available is not None else left
    return total, available


def _meminfo(text: str) -> tuple[int | None, int | None]:
    r"""Total and available bytes from Linux' ``/proc/meminfo``.

    >>> _meminfo("MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable: 2 kB")
    (8192, 2048)
    """
    sizes = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[0] if rest.split() else ""
        if number.isdigit():
            sizes[name] = int(number) * 1024
    return sizes.get("MemTotal"), sizes.get("MemAvailable")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""

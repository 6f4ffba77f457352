"""Tell a folder that is being written from one a dead process left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows; there nothing is ever taken for left behind
    fcntl = None  # type: ignore[assignment]

__all__ = ["hold", "is_held"]


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a lock on ``folder`` that ends with the block, or with the process however it dies.

    The lock stays with the folder when that is renamed.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a network file system without locks: is_held() is True there
            # Waits for `is_held`, which has the lock for a moment where it asks about this folder.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a living process holds ``folder``; True as well where that cannot be known."""
    if fcntl is None:
        return True
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)

"""`Gate`: many may look at once, or one may change things."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Gate"]


class Gate:
    """A lock that any number of readers share, and a writer has alone.

    A writer that waits lets no new reader in, so that it waits for no longer than the readers that
    are inside already. A thread must not enter twice.

    >>> gate = Gate()
    >>> with gate.reading():
    ...     pass
    >>> with gate.writing():
    ...     pass
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers = 0
        self._writers = 0  # those that wait and the one that is inside
        self._writing = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep writers out while the block runs."""
        with self._changed:
            while self._writers:
                self._changed.wait()
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                if not self._readers:
                    self._changed.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep everybody else out while the block runs."""
        with self._changed:
            self._writers += 1
            try:
                while self._readers or self._writing:
                    self._changed.wait()
                self._writing = True
            except BaseException:  # Ctrl-C while it waited
                self._writers -= 1
                self._changed.notify_all()
                raise
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._writers -= 1
                self._changed.notify_all()

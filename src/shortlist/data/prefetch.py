"""Work ahead in a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

__all__ = ["prefetched"]

T = TypeVar("T")


def prefetched(source: Iterator[T], depth: int) -> Generator[T]:
    """Yield what ``source`` yields while a thread already makes the next ``depth`` of it.

    An exception in ``source`` is raised here, after everything that came before it. Closing the
    generator, or an exception at the consumer, stops the thread before it returns.

    >>> list(prefetched(iter("abc"), depth=2))
    ['a', 'b', 'c']
    """
    results: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    slots = threading.Semaphore(depth)
    stopped = threading.Event()

    def work() -> None:
        while True:
            # Wait for room first, so that never more than ``depth`` items wait in memory.
            slots.acquire()
            if stopped.is_set():
                return
            try:
                results.put(("item", next(source)))
            except StopIteration:
                results.put(("end", None))
                return
            except BaseException as error:
                results.put(("error", error))
                return

    thread = threading.Thread(target=work, name="shortlist-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = results.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            slots.release()
            yield value
    finally:
        stopped.set()
        slots.release()
        thread.join()

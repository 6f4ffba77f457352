"""`Batcher`: what comes at once is done together, on one thread, and nothing waits when idle.

While the thread works, what arrives gathers; when it is done it takes all of it, up to a bound.
So batches grow with the load by themselves, and a lone request is never held back for company.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shortlist.serving.problems import ProblemError

__all__ = ["Batcher"]

T = TypeVar("T")
R = TypeVar("R")

# How much the latest batch counts in the estimate of a batch's time.
_WEIGHT = 0.1


@dataclass(eq=False)
class _Waiting(Generic[T, R]):
    task: T
    size: int
    deadline: float
    future: asyncio.Future[R] | None = None
    since: float = field(default_factory=time.monotonic)
    outcome: R | BaseException | None = field(default=None)


class Batcher(Generic[T, R]):
    """Answers tasks in batches on one thread of its own.

    Args:
        work: from tasks to as many results; one that is an exception is raised for its task alone.
        name: of the thread, and in messages.
        max_batch: the most units (see `submit`) taken at once.
        max_queue: the most units that wait.
        linger: seconds for which tasks that nobody waits for may gather.
        on_batch: told the size of every batch and the seconds it took.

    >>> async def double():
    ...     batcher = Batcher(lambda tasks: [2 * task for task in tasks], name="doubling")
    ...     batcher.start()
    ...     found = await asyncio.gather(*(batcher.submit(n, seconds=5) for n in range(3)))
    ...     batcher.stop()
    ...     return found
    >>> asyncio.run(double())
    [0, 2, 4]
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R | BaseException]],
        *,
        name: str,
        max_batch: int = 32,
        max_queue: int = 512,
        linger: float = 0.0,
        on_batch: Callable[[int, float], None] | None = None,
    ) -> None:
        self._work = work
        self._name = name
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._linger = linger
        self._on_batch = on_batch
        self._awaited = 0
        self._queue: deque[_Waiting[T, R]] = deque()
        self._units = 0
        self._seconds_a_batch = 0.0
        self._condition = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Units that wait."""
        return self._units

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()

    def check_room(self, size: int = 1, seconds: float = math.inf) -> None:
        """Refuse what could not be answered within ``seconds``, before any work goes into it.

        Raises:
            ProblemError: 503 with the seconds after which another try is worth it.
        """
        # The batch that runs, and those that are ahead.
        batches = 1 + (self._units + size) / self._max_batch
        wait = batches * self._seconds_a_batch if self._units else 0.0
        # What is let in has to be answered in time, or the work is done for nobody; the other half
        # is for what an estimate does not know.
        if self._units + size <= self._max_queue and wait <= seconds / 2:
            return
        if size > self._max_queue:
            raise ProblemError(
                413,
                f"Expected at most {self._max_queue} queries at once; received {size}. Send them "
                "in several requests.",
            )
        raise ProblemError(
            503,
            f"The server is overloaded: {self._units} wait for {self._name}. Try again later.",
            kind="overloaded",
            retry_after=max(1, math.ceil(wait)),
        )

    async def submit(self, task: T, *, seconds: float, size: int = 1) -> R:
        """Have ``task`` done.

        Args:
            task: given to ``work`` with others.
            seconds: after which it is given up.
            size: how many units of work it is.

        Raises:
            ProblemError: 503: the queue is full, the time is over or the server is ending.
        """
        self.check_room(size, seconds)
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        if not self._put(_Waiting(task, size, time.monotonic() + seconds, future)):
            raise ProblemError(503, "The server is ending.", kind="ending", retry_after=1)
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise _late(seconds) from None

    def post(self, task: T, *, size: int = 1) -> bool:
        """Have ``task`` done and do not wait for it; False where there is no room."""
        if self._units + size > self._max_queue:
            return False
        return self._put(_Waiting(task, size, math.inf))

    def _put(self, waiting: _Waiting[T, R]) -> bool:
        with self._condition:
            if self._stopping or self._thread is None:
                return False
            if waiting.future is not None or not self._queue:
                self._condition.notify()
            self._awaited += waiting.future is not None
            self._queue.append(waiting)
            self._units += waiting.size
            return True

    def _run(self) -> None:
        while batch := self._take():
            # What was given up, its client having gone or its time being over, is not done.
            live = [w for w in batch if not self._is_over(w)]
            if live:
                began = time.perf_counter()
                self._do(live)
                self._note(sum(w.size for w in live), time.perf_counter() - began)
            _deliver(live)

    def _is_over(self, waiting: _Waiting[T, R]) -> bool:
        gone = waiting.future is not None and waiting.future.done()
        # Its own clock gives up what is late; here only no work must go into what will be.
        return gone or waiting.deadline < time.monotonic() + self._seconds_a_batch

    def _note(self, size: int, took: float) -> None:
        known = self._seconds_a_batch or took
        self._seconds_a_batch = (1 - _WEIGHT) * known + _WEIGHT * took
        if self._on_batch is not None:
            self._on_batch(size, took)

    def _take(self) -> list[_Waiting[T, R]]:
        """All that waits, up to the bound; nothing when the thread is to end."""
        with self._condition:
            while (wait := self._pause()) is None or wait > 0:
                self._condition.wait(wait)
            if not self._queue:
                return []
            batch = [self._queue.popleft()]
            size = batch[0].size
            while self._queue and size + self._queue[0].size <= self._max_batch:
                size += self._queue[0].size
                batch.append(self._queue.popleft())
            self._units -= size
            self._awaited -= sum(waiting.future is not None for waiting in batch)
            return batch

    def _pause(self) -> float | None:
        """The seconds to wait before there is a batch to take; None for as long as it takes."""
        if self._stopping:
            return 0.0
        if not self._queue:
            return None
        if self._awaited or self._units >= self._max_batch:
            return 0.0
        return self._queue[0].since + self._linger - time.monotonic()

    def _do(self, batch: list[_Waiting[T, R]]) -> None:
        outcomes: Sequence[R | BaseException]
        try:
            outcomes = self._work([waiting.task for waiting in batch])
        except Exception as error:  # raised again where each result is awaited
            outcomes = [error] * len(batch)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.outcome = outcome


def _deliver(batch: Sequence[_Waiting[T, R]]) -> None:
    """Hand the outcomes to their event loop, waking it once."""
    awaited = [waiting for waiting in batch if waiting.future is not None]
    if awaited and awaited[0].future is not None:
        loop = awaited[0].future.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, awaited)


def _settle(batch: Sequence[_Waiting[T, R]]) -> None:
    for waiting in batch:
        if waiting.future is None or waiting.future.done():
            continue
        if isinstance(waiting.outcome, BaseException):
            waiting.future.set_exception(waiting.outcome)
        else:
            waiting.future.set_result(waiting.outcome)  # type: ignore[arg-type]


def _late(seconds: float) -> ProblemError:
    return ProblemError(
        503,
        f"The server could not answer within {seconds:g} s; it is overloaded. Try again later.",
        kind="overloaded",
        retry_after=1,
    )

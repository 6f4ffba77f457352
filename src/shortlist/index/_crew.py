"""`Crew`: worker processes that each hold a part of an index, and what is asked of them.

Each worker answers in the order in which it is asked, and all are asked one thing before the next,
so what is asked of all of them meets the same state in each. A worker that dies is an error to
everyone who waits for it and to everyone who asks later; nobody waits for ever.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from shortlist.errors import ShortlistError, WorkerError

__all__ = ["Crew", "serve"]

_PATIENCE = 5.0  # seconds in which a worker that was told to stop has to be gone


class Crew:
    """Workers that were started and can be asked.

    Args:
        count: how many.
        handler: makes, in each worker, what answers: its methods are what can be asked. It goes to
            another process, so it is importable by name, or a `functools.partial` of such.
    """

    def __init__(self, count: int, handler: Callable[[], Any]) -> None:
        self._asking = threading.Lock()
        self._broken: str | None = None
        self.workers = [_Worker(place, handler) for place in range(count)]

    def ask(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Future[Any]]:
        """Ask every worker ``name`` with its own arguments; the answers come later."""
        with self._asking:
            if self._broken is not None:
                raise WorkerError(self._broken)
            return [w.ask(name, a) for w, a in zip(self.workers, arguments, strict=True)]

    def change(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Future[Any]]:
        """Like `ask`, for what must succeed in all of them or leave the crew unusable."""
        answers = self.ask(name, arguments)
        for answer in answers:
            answer.add_done_callback(self._note)
        return answers

    def stop(self) -> None:
        """End every worker; those that do not end in time are killed."""
        self._broken = self._broken or "This index was closed. Build or load it again."
        for worker in self.workers:
            worker.tell_to_stop()
        for worker in self.workers:
            worker.wait()

    def _note(self, answer: Future[Any]) -> None:
        error = answer.exception()
        if error is not None and self._broken is None:
            self._broken = (
                f"A part of this index could not follow a change: {error} The parts may no longer "
                "agree, so it cannot be used. Build or load it again."
            )


class _Worker:
    """One process, the connection to it, and those who wait for its answers, in order."""

    def __init__(self, place: int, handler: Callable[[], Any]) -> None:
        self.place = place
        # The index may be forgotten, and so the crew stopped, in whichever thread collects garbage.
        self._lock = threading.RLock()
        self._waiting: deque[Future[Any]] = deque()
        self._gone: str | None = None
        self._connection, theirs = multiprocessing.Pipe()
        self.process = _start(theirs, handler, place)
        # Named apart from the index, which may be forgotten while this thread waits.
        self._listener = threading.Thread(target=self._listen, daemon=True, name=f"shard-{place}")
        self._listener.start()

    def ask(self, name: str, arguments: tuple[Any, ...]) -> Future[Any]:
        """Send a request; the answer comes later."""
        answer: Future[Any] = Future()
        with self._lock:
            if self._gone is not None:
                raise WorkerError(self._gone)
            self._waiting.append(answer)
            with suppress(OSError):  # the listener notices as well, and tells all who wait
                self._connection.send((name, arguments))
        return answer

    def tell_to_stop(self) -> None:
        """Let it end once it has answered what it was asked."""
        with self._lock:
            if self._gone is None:
                with suppress(OSError):
                    self._connection.send(None)

    def wait(self) -> None:
        """Wait for its end, and end it where that takes too long."""
        # The listener alone joins the process: of two threads that do, one may be told that a
        # process which has ended is alive.
        if threading.current_thread() is self._listener:
            return
        self._listener.join(_PATIENCE)
        if self._listener.is_alive():
            self.process.kill()
            self._listener.join(_PATIENCE)

    def _listen(self) -> None:
        while True:
            try:
                succeeded, value = self._connection.recv()
            except (EOFError, OSError):
                break
            answer = self._waiting.popleft()
            if succeeded:
                answer.set_result(value)
            else:
                answer.set_exception(value)
        with self._lock:
            self._gone = (
                f"The worker process of shard {self.place} has ended"
                f"{_how(self.process)}. Build or load the index again."
            )
            self._connection.close()
            for answer in self._waiting:
                answer.set_exception(WorkerError(self._gone))
            self._waiting.clear()


def serve(connection: Connection, handler: Callable[[], Any]) -> None:
    """The life of a worker: answer until told to stop, or until the other side is gone."""
    with suppress(EOFError, OSError, KeyboardInterrupt), connection:
        held = handler()
        while (request := connection.recv()) is not None:
            name, arguments = request
            try:
                answer = (True, getattr(held, name)(*arguments))
            except Exception as error:  # whatever it was, the asker is told
                answer = (False, _portable(error))
            connection.send(answer)


def _start(theirs: Connection, handler: Callable[[], Any], place: int) -> Any:
    # A forked child would share locks and threads of libraries that do not survive it.
    context = multiprocessing.get_context("spawn")
    process = context.Process(
        target=serve, args=(theirs, handler), name=f"shortlist-shard-{place}", daemon=True
    )
    process.start()
    theirs.close()
    return process


def _how(process: Any) -> str:
    """How a process ended that has closed its connection; it is ended if it has not."""
    process.join(_PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join(_PATIENCE)
    code = process.exitcode
    if not code:
        return ""
    return f" (signal {-code})" if code < 0 else f" (code {code})"


def _portable(error: Exception) -> Exception:
    """Our own errors as they are; others as text, since they may not survive the journey."""
    if isinstance(error, ShortlistError):
        return error
    return WorkerError(f"A shard failed with {type(error).__name__}: {error}.")

"""`Service`: the parts of a server, what starts and ends them, and what the routes ask of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import os
import random
import secrets
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from shortlist.errors import BundleError
from shortlist.serving.asks import Answer, Ask, Id, Item, LikeAsk
from shortlist.serving.batching import Batcher
from shortlist.serving.engine import Engine
from shortlist.serving.metrics import Metrics
from shortlist.serving.models import Models
from shortlist.serving.problems import ProblemError
from shortlist.serving.profiles import Profiles
from shortlist.serving.settings import Settings
from shortlist.serving.state import Change, Outcome, Profile, Request, StateStore

__all__ = ["Service"]

# Seconds for which the log of requests gathers; what somebody waits for is written at once.
_LINGER = 0.25

# Seconds after which what another server of the same state has stored counts here.
_SHARED = 2.0

_log = logging.getLogger("shortlist.serving")


class Service:
    """Everything behind the routes.

    Args:
        settings: how it works.
        on_failure: told the error when there is no version to serve at the start.

    Raises:
        BundleError: there is no folder of that name.
        ConfigError: the state cannot be opened.
    """

    def __init__(
        self, settings: Settings, on_failure: Callable[[BaseException], None] | None = None
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        if settings.state is None and not Path(settings.bundle).is_dir():
            # Before a folder for the state is made at a path that was only misspelt.
            raise BundleError(
                f"Expected a bundle at {settings.bundle}, or the folder of its versions; there is "
                "no such folder. Make one with `shortlist train` or `shortlist quickstart`."
            )
        self.state = StateStore.open(settings.state_url)
        # The database of several servers is changed by all of them.
        shared = not settings.state_url.startswith("sqlite")
        self._profiles = Profiles(self.state, seconds=_SHARED if shared else math.inf)
        self.models = Models(Path(settings.bundle), self.state, on_reload=self._reloaded)
        self.ending = False
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[Any]] = set()
        # Ids of answers: no other server has the first part, and no other answer the second.
        self._name, self._count = f"{secrets.token_hex(8)}-", itertools.count(1)
        self.queries: Batcher[Sequence[Ask] | LikeAsk, Any] = Batcher(
            self._answer,
            name="queries",
            max_batch=settings.max_batch,
            max_queue=settings.max_queue,
            on_batch=self.metrics.watch("queries", lambda: self.queries.waiting),
        )
        self.writes: Batcher[Sequence[Change], list[Outcome]] = Batcher(
            self._write,
            name="writes",
            max_batch=1024,
            max_queue=16_384,
            linger=_LINGER,
            on_batch=self.metrics.watch("writes", lambda: self.writes.waiting),
        )

    async def start(self) -> None:
        """Start the threads, and loading the bundle; `engine` refuses until that is done."""
        self.queries.start()
        self.writes.start()
        self._loader = ThreadPoolExecutor(1, "loader", initializer=_give_way)
        self._spawn(self._begin())

    def drain(self) -> None:
        """Say that it is not ready any more; what runs goes on."""
        self.ending = True
        self.metrics.ready.set(0)

    async def stop(self) -> None:
        """Finish what waits and close the state."""
        self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._loader.shutdown, cancel_futures=True)
        await asyncio.to_thread(self.queries.stop)
        await asyncio.to_thread(self.writes.stop)
        self.state.close()

    @property
    def engine(self) -> Engine:
        """What answers.

        Raises:
            ProblemError: 503 until a version is loaded and warm.
        """
        served = self.models.served
        if served is None:
            raise ProblemError(503, "The bundle is being loaded.", kind="starting", retry_after=1)
        return served.engine

    async def recommend(self, asks: Sequence[Ask]) -> list[Answer]:
        """Answer ``asks``.

        Raises:
            ProblemError, ShortlistError: why it could not.
        """
        engine = self.engine
        for ask in asks:
            engine.check(ask)
        answers: list[Answer] = await self.queries.submit(
            asks, seconds=self.settings.deadline, size=len(asks)
        )
        for answer in answers:
            kind = "fallback" if answer.fallback else "personal"
            self.metrics.answers.labels("degraded" if answer.degraded else kind).inc()
        return answers

    async def similar(self, ask: LikeAsk) -> list[list[Item]]:
        """The items nearest to each of those asked for.

        Raises:
            ProblemError, ShortlistError: why it could not.
        """
        engine = self.engine
        engine.items.check(ask.items)
        for item in ask.items:
            if item not in engine.known:
                raise ProblemError(404, f"There is no item {str(item)[:100]!r} in the catalogue.")
        found: list[list[Item]] = await self.queries.submit(
            ask, seconds=self.settings.deadline, size=len(ask.items)
        )
        return found

    async def write(self, changes: Sequence[Change]) -> list[Outcome]:
        """Store ``changes``; when it returns they are on the disk.

        Raises:
            ProblemError: 503 if the state cannot be written to.
        """
        try:
            outcomes = await self.writes.submit(changes, seconds=30.0, size=max(1, len(changes)))
        except SQLAlchemyError as error:
            _log.error("the state could not be written: %s", error)
            self.metrics.failures.labels("state").inc()
            raise ProblemError(
                503,
                "The state cannot be written to; nothing was stored. Send it again.",
                kind="state",
                retry_after=1,
            ) from error
        for outcome in outcomes:
            self.metrics.changes.labels(outcome.value).inc()
        return outcomes

    def log(self, ask: Ask, answer: Answer) -> str:
        """Give a recommendation an id, and log it if it is its turn; nobody waits for that."""
        name = f"{self._name}{next(self._count):x}"
        share = self.settings.log_requests
        if share and (share >= 1 or random.random() < share):
            request = Request(
                name,
                time.time(),
                answer.model,
                ask.user,
                ask.logged(),
                tuple(item.item for item in answer.items),
                tuple(item.score for item in answer.items),
                tuple(item.propensity for item in answer.items),
            )
            if not self.writes.post([request]):
                self.metrics.failures.labels("log").inc()
        return name

    async def logged(self, name: str) -> Request | None:
        """A request of the log, also one whose answer has only just been given."""
        await self.write([])  # what was posted before is done before
        return await asyncio.to_thread(self.state.request, name)

    async def reload(self, version: str | None) -> None:
        """Load a version beside the one that serves and let it take over."""
        await self._aside(self.models.load, version)

    async def _aside(self, work: Callable[..., object], *given: object) -> None:
        """Do ``work`` on the thread that gives way to those that answer."""
        await asyncio.get_running_loop().run_in_executor(self._loader, work, *given)

    def _answer(self, tasks: Sequence[Sequence[Ask] | LikeAsk]) -> list[Any]:
        """On the thread of the queries: many requests' asks in one go."""
        engine = self.engine
        asks = [ask for task in tasks if not isinstance(task, LikeAsk) for ask in task]
        answers = iter(engine.answer(asks, self._known(asks)))
        return [
            _similar(engine, task)
            if isinstance(task, LikeAsk)
            else _whole([next(answers) for _ in task])
            for task in tasks
        ]

    def _known(self, asks: Sequence[Ask]) -> dict[Id, Profile]:
        users = list({ask.user: None for ask in asks if ask.user is not None})
        if not users:
            return {}
        try:
            return self._profiles.of(users)
        except SQLAlchemyError as error:
            # Recommendations go on without what happened since the bundle was made.
            _log.error("the state could not be read: %s", error)
            self.metrics.failures.labels("state").inc()
            return {}

    def _write(self, tasks: Sequence[Sequence[Change]]) -> list[list[Outcome]]:
        """On the thread of the writes: many requests' changes in one transaction."""
        changes = [change for task in tasks for change in task]
        outcomes = iter(self.state.write(changes))
        self._profiles.forget(changes)
        return [[next(outcomes) for _ in task] for task in tasks]

    async def _begin(self) -> None:
        try:
            # Nobody is answered yet, so nobody has to be given way to.
            await asyncio.to_thread(self.models.load)
        except Exception as error:
            if self._on_failure is None:
                raise
            self._on_failure(error)
            return
        self._spawn(self._forget())
        if self.settings.watch:
            self._spawn(self._watch())

    async def _watch(self) -> None:
        """Look for new versions, and for changes of items by other servers of the same state."""
        while True:
            await asyncio.sleep(self.settings.watch)
            try:
                await self._aside(self.models.look)
                await asyncio.to_thread(self.models.catch_up)
            except Exception as error:
                _log.error("watching: %s", error)

    async def _forget(self) -> None:
        """Delete what of the log of requests is too old, now and then."""
        while True:
            before = time.time() - self.settings.keep_requests * 86_400
            try:
                await self._aside(self.state.forget_requests, before)
            except SQLAlchemyError as error:
                _log.error("old requests could not be deleted: %s", error)
            await asyncio.sleep(3600)

    def _reloaded(self, outcome: str) -> None:
        self.metrics.reloads.labels(outcome).inc()
        served = self.models.served
        self.metrics.ready.set(served is not None)
        if served is not None:
            self.metrics.items.set(served.engine.recommender.size)

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            error = task.exception()
            if error is not None:
                _log.error("in the background: %s", error)


def _give_way() -> None:
    """Let this thread run when the others have nothing to do, where a thread can be told so."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _whole(answers: list[Answer | BaseException]) -> list[Answer] | BaseException:
    """The answers of one request, or the first error among them."""
    wrong = next((a for a in answers if isinstance(a, BaseException)), None)
    return wrong or [answer for answer in answers if isinstance(answer, Answer)]


def _similar(engine: Engine, ask: LikeAsk) -> list[list[Item]] | BaseException:
    try:
        return engine.similar(ask.items, ask.k)
    except Exception as error:
        return error

import asyncio
import threading

import pytest

from shortlist.serving.batching import Batcher
from shortlist.serving.problems import ProblemError


def run(work, scenario, **options):
    """Run ``scenario(batcher)`` with a started batcher."""

    async def main():
        batcher = Batcher(work, name="the test", **options)
        batcher.start()
        try:
            return await scenario(batcher)
        finally:
            await asyncio.to_thread(batcher.stop)

    return asyncio.run(main())


def gate():
    """Work that notes its batches and waits for a sign before each."""
    sizes, started, open_ = [], threading.Event(), threading.Event()

    def work(tasks):
        sizes.append(len(tasks))
        started.set()
        assert open_.wait(10)
        return tasks

    return work, sizes, started, open_


async def begun(started):
    await asyncio.to_thread(started.wait, 10)


def test_what_arrives_while_it_works_is_done_together():
    work, sizes, started, open_ = gate()

    async def scenario(batcher):
        first = asyncio.create_task(batcher.submit(0, seconds=9))
        await begun(started)
        others = [asyncio.create_task(batcher.submit(n, seconds=9)) for n in range(1, 8)]
        while batcher.waiting < 7:
            await asyncio.sleep(0)
        open_.set()
        return await asyncio.gather(first, *others)

    assert run(work, scenario, max_batch=5) == list(range(8))
    assert sizes == [1, 5, 2]


def test_a_full_queue_refuses_and_says_when_to_come_back():
    work, _, started, open_ = gate()

    async def scenario(batcher):
        first = asyncio.create_task(batcher.submit(0, seconds=9))
        await begun(started)
        second = asyncio.create_task(batcher.submit(1, seconds=9, size=3))
        while batcher.waiting < 3:
            await asyncio.sleep(0)
        with pytest.raises(ProblemError, match="overloaded") as refused:
            await batcher.submit(2, seconds=9)
        with pytest.raises(ProblemError, match="at most 3 queries at once; received 4"):
            await batcher.submit(2, seconds=9, size=4)
        open_.set()
        await asyncio.gather(first, second)
        return refused.value

    problem = run(work, scenario, max_queue=3)
    assert problem.status_code == 503
    assert problem.retry_after >= 1


def test_a_deadline_is_kept_while_the_thread_is_busy_and_late_tasks_are_not_done():
    work, sizes, started, open_ = gate()

    async def scenario(batcher):
        first = asyncio.create_task(batcher.submit(0, seconds=9))
        await begun(started)
        with pytest.raises(ProblemError, match=r"within 0\.01 s"):
            await batcher.submit(1, seconds=0.01)
        open_.set()
        return await first

    assert run(work, scenario) == 0
    assert sizes == [1]


def test_an_error_is_the_error_of_its_task():
    async def scenario(batcher):
        return await asyncio.gather(
            *(batcher.submit(n, seconds=9) for n in range(2)), return_exceptions=True
        )

    def one_fails(tasks):
        return [ValueError("no") if task else task for task in tasks]

    def all_fail(tasks):
        raise KeyError("all")

    found = run(one_fails, scenario)
    assert found[0] == 0
    assert isinstance(found[1], ValueError)
    assert all(isinstance(error, KeyError) for error in run(all_fail, scenario))


def test_stopping_finishes_what_waits_and_refuses_what_comes():
    work, _, started, open_ = gate()

    async def scenario(batcher):
        first = asyncio.create_task(batcher.submit(0, seconds=9))
        await begun(started)
        second = asyncio.create_task(batcher.submit(1, seconds=9))
        while not batcher.waiting:
            await asyncio.sleep(0)
        stopping = asyncio.create_task(asyncio.to_thread(batcher.stop))
        while not batcher._stopping:
            await asyncio.sleep(0)
        with pytest.raises(ProblemError, match="ending"):
            await batcher.submit(2, seconds=9)
        open_.set()
        await stopping
        return await asyncio.gather(first, second)

    assert run(work, scenario) == [0, 1]


def test_what_nobody_waits_for_gathers_until_somebody_does():
    sizes = []

    def work(tasks):
        sizes.append(len(tasks))
        return tasks

    async def scenario(batcher):
        for n in range(5):
            assert batcher.post(n)
        assert await batcher.submit(5, seconds=9) == 5

    run(work, scenario, linger=1000.0)
    assert sizes == [6]

    async def only_posts(batcher):
        for n in range(7):
            batcher.post(n)

    sizes.clear()
    run(work, only_posts, linger=1000.0, max_batch=4, max_queue=6)
    assert sum(sizes) == 6  # there was room for so many, and stopping does them all

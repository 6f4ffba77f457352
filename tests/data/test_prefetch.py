from __future__ import annotations

import threading

import pytest

from shortlist.data.prefetch import prefetched


@pytest.mark.parametrize("depth", [1, 2, 100])
def test_everything_comes_in_order(depth, workers):
    assert list(prefetched(iter(range(50)), depth)) == list(range(50))
    assert not workers()


def test_an_exception_comes_after_what_came_before_it(workers):
    def source():
        yield 1
        yield 2
        raise KeyError("third")

    stream = prefetched(source(), 5)
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(KeyError, match="third"):
        next(stream)
    assert not workers()


def test_closing_stops_the_thread(workers):
    def endless():
        number = 0
        while True:
            yield number
            number += 1

    stream = prefetched(endless(), 3)
    assert next(stream) == 0
    assert len(workers()) == 1
    stream.close()
    assert not workers()


def test_no_more_is_made_ahead_than_asked_for():
    made, enough = [], threading.Event()

    def source():
        for number in range(10):
            made.append(number)
            if number == 3:
                enough.set()
            yield number

    stream = prefetched(source(), 3)
    assert next(stream) == 0
    assert enough.wait(10)
    # Three wait and one was taken; a fifth is begun only once another is taken.
    assert made == [0, 1, 2, 3]
    stream.close()

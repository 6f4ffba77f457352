import threading

import pytest

from shortlist.index.gate import Gate


def start(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_readers_are_inside_together():
    gate, both = Gate(), threading.Barrier(2, timeout=10)

    def read():
        with gate.reading():
            both.wait()

    readers = [start(read), start(read)]
    for reader in readers:
        reader.join(10)
        assert not reader.is_alive()


def test_a_writer_is_alone_and_goes_before_later_readers():
    gate, inside, go = Gate(), threading.Event(), threading.Event()
    order = []

    def first():
        with gate.reading():
            inside.set()
            go.wait(10)
            order.append("first reader")

    def write():
        with gate.writing():
            order.append("writer")

    def later():
        with gate.reading():
            order.append("later reader")

    threads = [start(first)]
    assert inside.wait(10)
    threads.append(start(write))
    while not gate._writers:  # until the writer waits
        pass
    threads.append(start(later))
    go.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first reader", "writer", "later reader"]


def test_an_error_inside_opens_the_gate_again():
    gate = Gate()
    for enter in (gate.reading, gate.writing):
        with pytest.raises(ZeroDivisionError), enter():
            raise ZeroDivisionError
    with gate.writing():
        pass
    with gate.reading():
        pass

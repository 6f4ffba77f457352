from __future__ import annotations

import os
import signal
import threading

import pytest

from shortlist._backend.trainer.interrupts import interrupts_held

pytestmark = pytest.mark.backend


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_waits_for_the_end_of_the_block():
    done = []

    def work():
        with interrupts_held():
            interrupt()
            done.append("block")
        done.append("after")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_does_not_wait():
    done = []

    def work():
        with interrupts_held():
            interrupt()
            interrupt()
            done.append("block")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not done


def test_other_threads_are_left_alone():
    done = []

    def work():
        with interrupts_held():
            done.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]

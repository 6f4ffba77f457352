"""`many_processes`: train one model in several processes, on one machine or many.

    many_processes("10.0.0.1:1234", count=2, index=0)     # and with index=1 on the other machine
    with many_devices().scope():                          # the devices of both
        model = MyModel()
        model.compile(...)
        model.fit(BatchDataset(batches))                  # each process reads its part of a batch

The engine is JAX's own. Every process runs the same program.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

from shortlist import _backend  # noqa: F401  # isort: skip
import keras

from shortlist._backend import processes
from shortlist.errors import ConfigError
from shortlist.training.state import random_state, restore_random_state

__all__ = ["Processes", "many_processes", "own_part"]

# The names that Keras reads in `keras.distribution.initialize`.
_NAMES = {
    "address": "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "count": "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "index": "KERAS_DISTRIBUTION_PROCESS_ID",
}


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is.

    Attributes:
        index: its number, from 0; the first one alone writes checkpoints and shows progress.
        count: how many there are.
    """

    index: int
    count: int


def many_processes(
    address: str | None = None,
    count: int | None = None,
    index: int | None = None,
    *,
    timeout: int = 30,
    wait: int = 300,
) -> Processes:
    """Join the processes that train together: the first call of a program, the same in all.

    What is not given is read from the variables of the environment that Keras has for it,
    ``KERAS_DISTRIBUTION_JOB_ADDRESSES``, ``KERAS_DISTRIBUTION_NUM_PROCESSES`` and
    ``KERAS_DISTRIBUTION_PROCESS_ID``. Where these are not there either, or ``count`` is 1, nothing
    is done: the same program runs alone.

    All processes then draw the same random numbers, those of the first, and a process that fails
    ends at once. One that is lost ends the others: within a step where they compute on processors,
    after ``timeout`` elsewhere.

    Args:
        address: host and port at which the first process waits for the others, such as
            ``"10.0.0.1:1234"``; or ``"auto"`` where JAX finds all three by itself, as on TPU pods
            and under Slurm.
        count: how many processes there are.
        index: which of them this is, from 0.
        timeout: after how many seconds without a sign of life a process is lost.
        wait: for how many seconds to wait for the others at the start.

    Returns:
        Which of how many this is.

    Raises:
        ConfigError: an argument is wrong or missing, Keras does not run on JAX, JAX was used
            before, or nothing can be had at the address.

    >>> many_processes()
    Processes(index=0, count=1)
    """
    address, count, index = _completed(address, count, index)
    if count == 1 or (address, count, index) == (None, None, None):
        return Processes(0, 1)
    if keras.backend.backend() != "jax":
        raise ConfigError(
            "Training in several processes expected Keras on JAX (KERAS_BACKEND=jax); it runs on "
            f"{keras.backend.backend()!r}."
        )
    if min(timeout, wait) < 1:
        raise ConfigError(f"timeout and wait expected 1 or more; received {timeout!r}, {wait!r}.")
    if address == "auto":
        address = count = index = None
    else:
        _check(address, count, index)
        if index:
            _await(str(address), wait)
    try:
        processes.start(address, count, index, timeout, wait)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"The processes could not be joined at {address or 'auto'} ({error}). Call "
            "many_processes before anything computes or asks for devices, once; and give an "
            "address whose port is free on the machine of process 0."
        ) from error
    restore_random_state(processes.of_first(random_state()))
    return Processes(processes.index(), processes.count())


def own_part() -> tuple[int, int]:
    """Which part of each batch this process reads, and of how many, under the distribution in use.

    Processes that hold shards of the same tables for the same rows read the same part.
    """
    used = keras.distribution.distribution()
    if used is None or processes.count() == 1:
        return 0, 1
    return used.data_shard_id, min(used.num_processes, used.num_model_replicas)


def _completed(
    address: str | None, count: int | None, index: int | None
) -> tuple[str | None, int | None, int | None]:
    """The arguments, with what the environment says of those that are None."""
    if address == "auto":
        return address, None, None
    found = {name: os.environ.get(variable) or None for name, variable in _NAMES.items()}
    if address is None and found["address"] is not None:
        # Keras takes the addresses of all processes too, of which the first counts.
        address = found["address"].split(",")[0].strip()
    numbers = [count, index]
    for place, name in enumerate(("count", "index")):
        text = found[name]
        if numbers[place] is None and text is not None:
            if not text.strip().isdecimal():
                raise ConfigError(f"{_NAMES[name]} expected a whole number; received {text!r}.")
            numbers[place] = int(text)
    return address, numbers[0], numbers[1]


def _check(address: str | None, count: int | None, index: int | None) -> None:
    missing = [
        f"{name} (or {_NAMES[name]})"
        for name, value in (("address", address), ("count", count), ("index", index))
        if value is None
    ]
    if missing:
        raise ConfigError(
            f"many_processes expected address, count and index; received no {', '.join(missing)}."
        )
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(
            f'address expected a host and a port, as in "10.0.0.1:1234"; received {address!r}.'
        )
    if count is None or index is None or not 0 <= index < count:
        raise ConfigError(f"index expected from 0 to count - 1; received {index} of {count}.")


def _await(address: str, seconds: int) -> None:
    """Wait until somebody listens at the address; JAX would end the program if nobody ever does."""
    host, _, port = address.rpartition(":")
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
        except OSError as error:
            if time.monotonic() >= end:
                raise ConfigError(
                    f"Nobody listens at {address} after {seconds} s ({error}). Start process 0 "
                    "there, on this address, and let this machine reach it."
                ) from error
            time.sleep(0.2)
        else:
            return

"""Several processes that train one model together; of the backends, JAX has them.

Elsewhere, and where nothing was started, there is one process, and nothing here costs anything.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from shortlist.errors import ShortlistError, TrainingError

__all__ = ["count", "gathered", "index", "of_first", "placed", "start", "stops_together", "whole"]

# What JAX says where another process is gone: by its connection, its heartbeat or a time-out.
_LOST = re.compile(
    r"gloo|nccl|coordination|heartbeat|connection|socket|peer|UNAVAILABLE|DEADLINE_EXCEEDED", re.I
)
#: How many bytes of a table are brought together at a time.
_BLOCK = 2**26
#: Whether another process is known to be gone.
_others_gone = threading.Event()


def start(address: str | None, size: int | None, number: int | None, lost: int, wait: int) -> None:
    """Join the other processes. None for all three leaves it to JAX to find them.

    Raises:
        RuntimeError: JAX was in use already, or cannot listen at the address.
    """
    import jax  # noqa: PLC0415 - only the framework in use is loaded

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if hasattr(jax.config, "jax_enable_preemption_service"):
        # It would catch the signal by which a process is asked to end, and go on.
        jax.config.update("jax_enable_preemption_service", False)
    # Earlier versions of JAX wait as long as they please.
    offered = inspect.signature(jax.distributed.initialize).parameters
    patience = ("heartbeat_timeout_seconds", "shutdown_timeout_seconds")
    jax.distributed.initialize(
        address,
        size,
        number,
        cluster_detection_method=None if address is None else "deactivate",
        initialization_timeout=wait,
        **{name: lost for name in patience if name in offered},
    )
    atexit.register(_leave_at_once)


def count() -> int:
    """How many processes there are."""
    return int(_jax().process_count()) if keras.backend.backend() == "jax" else 1


def index() -> int:
    """The number of this process, from 0."""
    return int(_jax().process_index()) if keras.backend.backend() == "jax" else 0


def of_first(value: Any) -> Any:
    """What the first process holds, in all of them; a value for JSON."""
    if count() == 1:
        return value
    data = np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)
    size = int(_multihost().broadcast_one_to_all(np.int32(len(data))))
    # The others have none of the length; what they give is not looked at.
    data = data if index() == 0 else np.zeros(size, np.uint8)
    found = np.asarray(_multihost().broadcast_one_to_all(data))
    return json.loads(found.astype(np.uint8).tobytes())


def gathered(number: int) -> list[int]:
    """What each process holds, by its number; each at most 32 bits."""
    if count() == 1:
        return [number]
    return [int(x) for x in np.ravel(_multihost().process_allgather(np.int32(number)))]


def whole(value: Any, *, keep: bool = True) -> np.ndarray:
    """A copy of a tensor, whose parts may lie with other processes: call it in all of them.

    Args:
        value: the tensor.
        keep: False to only give one's own parts to the others, and get an empty array.
    """
    if getattr(value, "is_fully_addressable", True) or value.is_fully_replicated:
        return np.array(keras.ops.convert_to_numpy(value)) if keep else np.empty(0)
    rows = value.shape[0]
    size = min(rows, max(1, _BLOCK // max(1, value.nbytes // rows)))
    found = np.empty(value.shape if keep else 0, value.dtype)
    for begin in range(0, rows, size):
        places = np.arange(begin, begin + size, dtype=np.int32)
        block = _rows_everywhere(value.sharding.mesh)(value, places)
        if keep:
            found[begin : begin + size] = np.asarray(block)[: rows - begin]
    return found


def placed(array: np.ndarray, variable: Any) -> Any:
    """A value for a variable, laid out over devices and processes as the one it has.

    Each device is given its own part, so that a table that is split lies whole on none.
    """
    if keras.backend.backend() != "jax":
        return keras.ops.cast(keras.ops.convert_to_tensor(array), variable.dtype)
    value = variable.value
    array = np.asarray(array, dtype=value.dtype)
    return _jax().make_array_from_callback(array.shape, value.sharding, lambda part: array[part])


@contextlib.contextmanager
def stops_together() -> Iterator[None]:
    """Say what happened, where a step fails because another process is gone.

    Raises:
        TrainingError: another process is gone.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        if count() == 1 or isinstance(error, ShortlistError) or not _LOST.search(str(error)):
            raise
        _others_gone.set()
        raise TrainingError(
            f"Process {index()} of {count()} stops: another one was lost ({_first_line(error)}). "
            "Nothing was written since the last checkpoint. Start all of them again; with a "
            "Checkpoint they go on from there."
        ) from error


@functools.cache
def _rows_everywhere(mesh: Any) -> Any:
    """A compiled lookup whose rows arrive in every process, and nothing else of the table."""
    jax = _jax()
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    return jax.jit(
        lambda table, places: table.at[places].get(mode="fill", fill_value=0),
        out_shardings=everywhere,
    )


def _leave_at_once() -> None:
    """End a program that fails at once; JAX would wait for the others to end as well."""
    if getattr(sys, "last_value", None) is None and not _others_gone.is_set():
        return
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]


def _jax() -> Any:
    import jax  # noqa: PLC0415

    return jax


def _multihost() -> Any:
    from jax.experimental import multihost_utils  # noqa: PLC0415

    return multihost_utils

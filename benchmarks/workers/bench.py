"""What every worker script shares: it answers the harness's questions, one line of JSON each.

A worker script defines ``make(**options)``, which prepares everything and returns a function
``run()``; the harness calls that once to warm up and then, in turn with the other side's, to
measure it. ``run`` may return what it found as a dict for JSON, or a function that finds it out
off the clock. A worker runs in a peer's environment too, so nothing here needs more than the
standard library and the backend that the worker has chosen.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import itertools
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_NAMED = (
    "deepctr-torch",
    "jax",
    "keras",
    "lightgbm",
    "numpy",
    "pandas",
    "polars",
    "scann",
    "shortlist",
    "tensorflow",
    "tensorflow-recommenders",
    "tf-keras",
    "torch",
    "usearch",
)


def serve(make: Callable[..., Callable[[], Any]]) -> None:
    """Prepare with the options on the command line, then run once for every line on stdin."""
    # As where these are not installed: TensorFlow imports JAX and pandas where it finds them, for
    # 175 MB, and no program needs all backends.
    hidden = os.environ.get("BENCHMARKS_HIDE", "").split()
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    # Frameworks print; standard output is for answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**values: Any) -> None:
        print(json.dumps(values), file=answers, flush=True)

    run = make(**json.loads(sys.argv[1]))
    answer(versions=_versions())
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), _cpu_seconds()
        found = run()
        cpu, wall = _cpu_seconds() - cpu, time.perf_counter() - wall
        found = found() if callable(found) else found
        answer(cpu=cpu, wall=wall, peak=_peak_megabytes(), found=found or {})


def with_seeds(train: Callable[[int], Mapping[str, Any]]) -> Callable[[], dict[str, list[float]]]:
    """A run that trains with the next seed, from 42 on, and gives the figures of all so far."""
    seeds, found = itertools.count(42), dict[str, list[float]]()

    def run() -> dict[str, list[float]]:
        for name, figure in train(next(seeds)).items():
            found.setdefault(name, []).append(float(figure))
        return found

    return run


def fed(columns: dict[str, Any], batch: int) -> dict[str, Any]:
    """The arguments of Keras' ``fit`` and ``evaluate`` for columns in memory.

    On TensorFlow they are those that TFRS is given, so that both read the same data set.
    """
    if os.environ["KERAS_BACKEND"] != "tensorflow":
        return {"x": columns, "batch_size": batch}
    import tensorflow as tf

    return {"x": tf.data.Dataset.from_tensor_slices(columns).batch(batch).cache()}


def limit_memory(megabytes: int) -> None:
    """Let the system refuse this program more memory of its own; mapped files do not count."""
    size = megabytes * 10**6
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _cpu_seconds() -> float:
    """CPU time of all threads, and of children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak_megabytes() -> float:
    """The peak of the resident set since this program began."""
    # ru_maxrss would count what the harness held when it started this process.
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _versions() -> dict[str, str]:
    found = {}
    for name in _NAMED:
        if sys.modules.get(name.removesuffix("-cpu").replace("-", "_")) is not None:
            # Ours may be on the path without being installed.
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found[name] = importlib.metadata.version(name)
    return found

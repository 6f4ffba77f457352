"""What every benchmark is told on the command line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison import Line
from benchmarks.environments import KERAS, TFRS, environment
from benchmarks.processes import Side

__all__ = ["BACKENDS", "Benchmark", "Settings"]

BACKENDS = ("jax", "tensorflow", "torch")


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        folder: for data, swept away at the end.
        peers: below it are the peers' environments.
        backends: the backends of Keras to measure.
        cores: for each measurement, the cores to pin to: ``((0,), (0, 1))`` is on one and on two.
        rounds: runs that a median is of, or None for what the benchmark thinks right.
        quick: sizes that say nothing, to try whether all works.
        only: measure only the cases that have this in their name.
        epochs: how long `tutorials` trains, or None for what it thinks right.
        data: a folder of data that a benchmark is given on the command line.
        pictures: a folder that a benchmark draws its pictures into, or None.
    """

    folder: Path
    peers: Path
    backends: Sequence[str] = BACKENDS
    cores: Sequence[tuple[int, ...]] = ((0,),)
    rounds: int | None = None
    quick: bool = False
    only: str = ""
    epochs: int | None = None
    data: Path | None = None
    pictures: Path | None = None

    def wants(self, case: str) -> bool:
        """Whether the case is to be measured."""
        return self.only in case

    def count(self, usual: int) -> int:
        """The number of rounds."""
        return self.rounds or (1 if self.quick else usual)

    def ours(self, name: str, worker: str, backend: str, **options: object) -> Side:
        """Our side on one backend."""
        return Side(name, worker, options, env=_alone(backend))

    def keras(self, name: str, worker: str, backend: str, **options: object) -> Side:
        """Stock Keras on one backend."""
        python = environment(KERAS, self.peers)
        return Side(name, worker, options, python, _alone(backend))

    def tfrs(self, worker: str, **options: object) -> Side:
        """TensorFlow Recommenders, which needs the Keras of its time."""
        python = environment(TFRS, self.peers)
        return Side("TFRS", worker, options, python, {"TF_USE_LEGACY_KERAS": "1"})


#: What a benchmark is: it yields a line as soon as it has one.
Benchmark = Callable[[Settings], Iterator[Line]]


def _alone(backend: str) -> dict[str, str]:
    """An environment with one backend, as programs have, though all may be installed in it."""
    hidden = [*(name for name in BACKENDS if name != backend), "pandas"]
    return {"KERAS_BACKEND": backend, "BENCHMARKS_HIDE": " ".join(hidden)}


def installed(backends: Sequence[str]) -> list[str]:
    """Those of the backends that can be imported here."""
    return [name for name in backends if importlib.util.find_spec(name) is not None]


def on(cores: Sequence[int]) -> str:
    """How many cores, in words."""
    return "1 core" if len(cores) == 1 else f"{len(cores)} cores"

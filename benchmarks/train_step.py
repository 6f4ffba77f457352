"""One training step: in-batch softmax of two embedding towers, against TFRS and stock Keras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks import data
from benchmarks.comparison import Line, compared
from benchmarks.processes import Side, interleave
from benchmarks.settings import Settings, on

__all__ = ["run"]

_UNIT = "s of CPU a step"
# At most this much of TFRS' time on one core: the plain batch, and each distinct id scored once.
_BARS = {"jax": 0.4, "torch": 0.4, "tensorflow": 0.5}
_BAR_DISTINCT = 0.12


@dataclass(frozen=True)
class _Set:
    """A data set: the rows of the two tables, and what workers are told."""

    name: str
    options: dict[str, Any]
    steps: int


def run(settings: Settings) -> Iterator[Line]:
    """Each data set on each backend: TFRS, stock Keras, ours, and ours with distinct ids."""
    for given in (_movielens(settings), _zipf(settings)):
        for cores in settings.cores:
            for backend in settings.backends:
                yield from _lines(settings, given, backend, cores)


def _lines(settings: Settings, given: _Set, backend: str, cores: tuple[int, ...]) -> Iterator[Line]:
    names = {
        "": f"{given.name}, {backend}, {on(cores)}",
        "distinct": f"{given.name}, {backend}, distinct ids, {on(cores)}",
    }
    wanted = {kind: name for kind, name in names.items() if settings.wants(name)}
    if not wanted:
        return
    stock = f"Keras on {backend}"
    sides: list[Side] = [
        settings.tfrs("train_tfrs.py", **given.options),
        settings.keras(stock, "train_keras.py", backend, **given.options),
    ]
    sides += [
        settings.ours(name, "train_ours.py", backend, distinct=kind == "distinct", **given.options)
        for kind, name in wanted.items()
    ]
    measured = interleave(sides, cores, settings.count(5))
    for kind, name in wanted.items():
        for peer in ("TFRS", stock):
            bar = None
            if peer == "TFRS" and len(cores) == 1:
                bar = _BARS[backend] if not kind else None
                if kind and given.name == "MovieLens-100K":
                    bar = _BAR_DISTINCT
            yield compared(
                "train-step",
                name,
                measured[name],
                peer,
                measured[peer],
                unit=_UNIT,
                per=given.steps,
                at_most=bar,
            )


def _options(settings: Settings) -> tuple[int, int]:
    """Batch size and steps of an epoch."""
    return (256, 2) if settings.quick else (4096, 12)


def _movielens(settings: Settings) -> _Set:
    batch, steps = _options(settings)
    users, items = data.movielens_codes(batch * steps)
    folder = data.events(settings.folder / "movielens", users, items)
    return _Set(
        "MovieLens-100K",
        {"folder": folder, "users": 943, "items": 1682, "batch": batch},
        steps,
    )


def _zipf(settings: Settings) -> _Set:
    batch, steps = _options(settings)
    rows = 10_000 if settings.quick else 1_000_000
    users, items = (data.zipf_codes(batch * steps, rows, seed) for seed in (1, 2))
    folder = data.events(settings.folder / "zipf", users, items)
    return _Set(
        "1M-row zipf", {"folder": folder, "users": rows, "items": rows, "batch": batch}, steps
    )

"""Training DCNv2 and DLRM on 26 categories and 13 numbers, against Keras and deepctr-torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.comparison import Line, compared
from benchmarks.environments import DEEPCTR, environment
from benchmarks.processes import Side, interleave
from benchmarks.settings import Settings, on

__all__ = ["run"]

_UNIT = "s of CPU a step"
# 1.5 times the samples in the same time, and no more memory.
_BAR_TIME, _BAR_MEMORY = 1 / 1.5, 1.0
_SIZES = (
    *(2 * [1_000_000]),
    *(3 * [300_000]),
    *(4 * [100_000]),
    *(6 * [10_000]),
    *(6 * [1_000]),
    *(5 * [100]),
)
_NUMBERS = 13


def run(settings: Settings) -> Iterator[Line]:
    """Each model on each backend: ours, stock Keras, and deepctr-torch where it has the model."""
    for model in ("dcn_v2", "dlrm"):
        for backend in settings.backends:
            for cores in settings.cores:
                name = f"{model}, {backend}, {on(cores)}"
                if settings.wants(name):
                    yield from _lines(settings, name, model, backend, cores)


def _lines(
    settings: Settings, name: str, model: str, backend: str, cores: tuple[int, ...]
) -> Iterator[Line]:
    batch, steps = (256, 2) if settings.quick else (4096, 8)
    sizes = [min(size, 1000) for size in _SIZES] if settings.quick else [*_SIZES]
    folder = _examples(settings.folder / "examples", batch * steps, sizes)
    told: dict[str, Any] = {"folder": folder, "model": model, "sizes": sizes, "batch": batch}
    peers = {f"Keras on {backend}": settings.keras(f"Keras on {backend}", "rank_keras.py", backend)}
    # It has a cross network of version 2, and no DLRM.
    if model == "dcn_v2":
        python = environment(DEEPCTR, settings.peers)
        peers["deepctr-torch"] = Side("deepctr-torch", "rank_deepctr.py", python=python)
    sides = [settings.ours("ours", "rank_ours.py", backend), *peers.values()]
    sides = [Side(s.name, s.worker, told, s.python, s.env) for s in sides]
    measured = interleave(sides, cores, settings.count(5))
    ours = measured["ours"]
    for peer in peers:
        theirs = measured[peer]
        bar = _BAR_TIME if len(cores) == 1 else None
        yield compared(
            "rank-train",
            name,
            ours,
            peer,
            theirs,
            unit=_UNIT,
            per=steps,
            at_most=bar,
            details={
                "ours_samples_a_second": batch * steps / ours.wall,
                "theirs_samples_a_second": batch * steps / theirs.wall,
            },
        )
        if len(cores) == 1:
            yield Line(
                "rank-train",
                f"{name}, memory",
                ours.peak,
                peer,
                theirs.peak,
                "MB at the peak",
                at_most=_BAR_MEMORY,
                versions={"ours": ours.versions, "theirs": theirs.versions},
            )


def _examples(folder: Path, count: int, sizes: list[int]) -> str:
    """Codes, a few of them often, and numbers; a click depends on some of both."""
    if not folder.exists():
        folder.mkdir(parents=True)
        generator = np.random.default_rng(0)
        codes = np.stack(
            [data.zipf_codes(count, size, seed) for seed, size in enumerate(sizes)], axis=1
        )
        numbers = generator.normal(size=(count, _NUMBERS))
        logits = numbers[:, 0] + (codes[:, -1] % 2) * numbers[:, 1]
        np.save(folder / "codes.npy", codes.astype(np.int32))
        np.save(folder / "numbers.npy", numbers.astype(np.float32))
        np.save(folder / "labels.npy", (logits > generator.logistic(size=count)).astype(np.float32))
    return str(folder)

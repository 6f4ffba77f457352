"""A whole evaluation of 100,000 users on 100,000 items against the bare products it needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparison import Line, compared
from benchmarks.processes import Side, interleave
from benchmarks.settings import Settings, on

__all__ = ["run"]


def run(settings: Settings) -> Iterator[Line]:
    """All metrics at 10 and 100, seen items masked, on one core."""
    users, items = (2000, 20_000) if settings.quick else (100_000, 100_000)
    cores = settings.cores[0]
    case = f"{users:,} x {items:,}, d = 64, {on(cores)}"
    if not settings.wants(case):
        return
    told = _problem(settings.folder / "evaluate-large", users, items)
    sides = [
        Side("ours", "evaluate_large.py", told),
        Side("sgemm", "evaluate_product.py", {**told, "batch": 1024}),
    ]
    measured = interleave(sides, cores, settings.count(1), warmups=0)
    yield compared(
        "evaluate-large",
        case,
        measured["ours"],
        "sgemm",
        measured["sgemm"],
        unit="s of CPU",
        at_most=2.0,
        details=measured["ours"].found,
    )


def _problem(folder: Path, users: int, items: int, dim: int = 64) -> dict[str, Any]:
    """Random vectors; ten items that each user has met and five that are to be found."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    np.save(folder / "candidates.npy", random.normal(size=(items, dim)).astype(np.float32))
    np.save(folder / "queries.npy", random.normal(size=(users, dim)).astype(np.float32))
    for name, each in (("train", 10), ("test", 5)):
        pairs = np.stack(
            [np.repeat(np.arange(users), each), random.integers(0, items, users * each)], axis=1
        )
        np.save(folder / f"{name}.npy", np.unique(pairs, axis=0))
    return {"folder": str(folder)}

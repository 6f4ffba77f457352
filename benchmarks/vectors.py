"""Make the vectors that `search` is measured on: items and users of a trained two-tower model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.comparison import Line
from benchmarks.processes import interleave
from benchmarks.settings import Settings

__all__ = ["SIZES", "made", "run"]

SIZES: Mapping[str, Mapping[str, int]] = {
    "quick": {"users": 500, "items": 3000, "events": 20_000, "epochs": 3, "queries": 300},
    "100k": {"users": 50_000, "items": 100_000, "events": 1_000_000, "epochs": 3, "queries": 3000},
    "1M": {"users": 200_000, "items": 1_000_000, "events": 6_000_000, "epochs": 3, "queries": 3000},
    "10M": {
        "users": 500_000,
        "items": 10_000_000,
        "events": 40_000_000,
        "epochs": 1,
        "queries": 3000,
    },
}


def run(settings: Settings) -> Iterator[Line]:
    """Make what is missing of 100k and 1M (of 10M with ``--only 10M``); vectors stay where made."""
    for size in ("quick",) if settings.quick else ("100k", "1M", "10M"):
        if settings.wants(size) and (size != "10M" or settings.only == size):
            found = _make(settings, size)
            yield Line(
                "vectors",
                f"{size} x 64",
                found["correlation"],
                "all of it",
                1.0,
                "correlation of norm with log popularity",
                details={"folder": str(_folder(settings, size)), "norms": found["norms"]},
            )


def made(settings: Settings, size: str) -> Path:
    """The folder with ``vectors.npy`` and ``queries.npy`` of a size, which are made if need be."""
    folder = _folder(settings, size)
    if not (folder / "queries.npy").exists():
        _make(settings, size)
    return folder


def _make(settings: Settings, size: str) -> Mapping[str, Any]:
    told = {**SIZES[size], "folder": str(_folder(settings, size))}
    side = settings.ours("ours", "make_vectors.py", settings.backends[0], **told)
    return interleave([side], settings.cores[0], rounds=1, warmups=0)["ours"].found


def _folder(settings: Settings, size: str) -> Path:
    return (settings.data or settings.peers / "data") / size

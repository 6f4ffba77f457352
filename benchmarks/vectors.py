"""Make the vectors that `search` is measured on: items and users as two towers place them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.comparison import Line
from benchmarks.settings import Settings

__all__ = ["made", "run"]

_SIZES = {"quick": 3000, "100k": 100_000, "1M": 1_000_000, "10M": 10_000_000}
_QUERIES, _DIM, _TASTES = 3000, 64, 1000


def run(settings: Settings) -> Iterator[Line]:
    """Make what is missing of 100k and 1M (of 10M with ``--only 10M``); vectors stay where made."""
    for size in ("quick",) if settings.quick else ("100k", "1M", "10M"):
        if settings.wants(size) and (size != "10M" or settings.only == size):
            folder = made(settings, size)
            vectors = np.load(folder / "vectors.npy", mmap_mode="r")[:100_000]
            met = np.load(folder / "popularity.npy")[:100_000]
            norms = np.linalg.norm(vectors, axis=1)
            yield Line(
                "vectors",
                f"{size} x {_DIM}",
                float(np.corrcoef(norms, np.log(met))[0, 1]),
                "all of it",
                1.0,
                "correlation of norm with log popularity",
                details={
                    "folder": str(folder),
                    "norms": np.quantile(norms, [0.01, 0.5, 0.99]).tolist(),
                },
            )


def made(settings: Settings, size: str) -> Path:
    """The folder with ``vectors.npy`` and ``queries.npy`` of a size, which are made if need be."""
    folder = (settings.data or settings.peers / "data") / size
    if not (folder / "queries.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _draw(folder, _SIZES[size])
    return folder


def _draw(folder: Path, items: int) -> None:
    """Sample a model of what two towers learn, since to train them at 10M takes hours.

    Tastes are directions whose dimensions matter less and less (standard deviation
    ``j ** -0.25``), as in trained embeddings. An item belongs to one of the tastes, which are of
    Zipf sizes, and adds 0.7 of its own; a user mixes three and adds 0.3. Popularity is Zipf, and
    the norm of an item grows with its logarithm, by a factor of two from the least to the most
    popular, with noise of a tenth.
    """
    draw = np.random.default_rng(0)
    spread = np.arange(1, _DIM + 1, dtype=np.float32) ** -0.25
    tastes = _unit(draw.standard_normal((_TASTES, _DIM), dtype=np.float32) * spread)
    share = np.arange(1, _TASTES + 1) ** -0.7
    met = draw.permutation(np.arange(1, items + 1) ** -1.0)
    rank = (np.log(met) - np.log(met).min()) / np.ptp(np.log(met))
    norms = (1 + rank) * draw.lognormal(0, 0.1, items)
    vectors = np.empty((items, _DIM), dtype=np.float32)
    for start in range(0, items, 100_000):
        part = slice(start, min(start + 100_000, items))
        size = part.stop - part.start
        mine = tastes[draw.choice(_TASTES, size, p=share / share.sum())]
        own = _unit(draw.standard_normal((size, _DIM), dtype=np.float32) * spread)
        vectors[part] = _unit(mine + 0.7 * own) * norms[part, None]
    asked = tastes[draw.choice(_TASTES, (_QUERIES, 3), p=share / share.sum())]
    asked = (asked * draw.dirichlet([1, 1, 1], _QUERIES)[:, :, None]).sum(axis=1)
    own = _unit(draw.standard_normal((_QUERIES, _DIM), dtype=np.float32) * spread)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "popularity.npy", met)
    np.save(folder / "queries.npy", (3 * _unit(asked + 0.3 * own)).astype(np.float32))


def _unit(vectors: np.ndarray) -> np.ndarray:
    result: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return result

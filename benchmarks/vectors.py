"""Make the vectors that `search` is measured on: items and users as two towers place them.

Of 100k and 1M items a two-tower model is trained on drawn events (`workers/vectors_two_tower.py`);
of 10M, where that would take hours, the vectors are sampled.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.comparison import Line
from benchmarks.settings import Settings

__all__ = ["made", "run"]

_SIZES = {"quick": 3000, "100k": 100_000, "1M": 1_000_000, "10M": 10_000_000}
_QUERIES, _DIM, _TASTES = 3000, 64, 1000
_TRAINED = ("100k", "1M")
_WORKER = Path(__file__).parent / "workers" / "vectors_two_tower.py"


def run(settings: Settings) -> Iterator[Line]:
    """Train 100k (a minute of CPU) and 1M (15), or sample 10M with ``--only 10M``.

    What was made stays where it was made.
    """
    for size in ("quick",) if settings.quick else ("100k", "1M", "10M"):
        if settings.wants(size) and (size != "10M" or settings.only == size):
            folder = made(settings, size)
            vectors = np.load(folder / "vectors.npy", mmap_mode="r")[:100_000]
            met = np.load(folder / "popularity.npy")[:100_000]
            norms = np.linalg.norm(vectors, axis=1)
            yield Line(
                "vectors",
                f"{size} x {_DIM}",
                float(np.corrcoef(norms, np.log1p(met))[0, 1]),
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
    data = settings.data or settings.peers / "data"
    folder = data / (f"{size}-two-tower" if size in _TRAINED else size)
    if not (folder / "queries.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        if size in _TRAINED:
            train(folder, _SIZES[size])
        else:
            _draw(folder, _SIZES[size])
    return folder


def train(folder: Path, items: int) -> None:
    """Train the two towers in a process of their own, which takes its memory with it.

    Raises:
        CalledProcessError: the training failed.
    """
    print(f"Training two towers of {items:,} items, once ...", file=sys.stderr)
    told = json.dumps({"folder": str(folder), "items": items, "queries": _QUERIES})
    subprocess.run([sys.executable, str(_WORKER), told], check=True, stdout=sys.stderr)


def _draw(folder: Path, items: int) -> None:
    """Sample a model of what two towers learn.

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
    # How often, in whole numbers, as the trained ones have it.
    np.save(folder / "popularity.npy", np.ceil(met * items))
    np.save(folder / "queries.npy", (3 * _unit(asked + 0.3 * own)).astype(np.float32))


def _unit(vectors: np.ndarray) -> np.ndarray:
    result: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return result

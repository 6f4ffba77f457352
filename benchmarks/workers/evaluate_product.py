"""The bare products of all queries with all candidates, which no exact evaluation can save."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench import serve


def make(folder: str, batch: int, block: int = 1024) -> Callable[[], None]:
    import numpy as np

    queries, candidates = (
        np.load(Path(folder) / f"{name}.npy") for name in ("queries", "candidates")
    )
    scores = np.empty((block, batch), dtype=np.float32)

    def run() -> None:
        # Into one small array, over and over: storing them all would take much longer.
        for start in range(0, len(queries), batch):
            columns = queries[start : start + batch].T
            for first in range(0, len(candidates), block):
                part = candidates[first : first + block]
                np.matmul(part, columns, out=scores[: len(part), : columns.shape[1]])

    return run


serve(make)

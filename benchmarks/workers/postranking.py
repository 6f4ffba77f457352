"""Milliseconds of each post-ranker: 500 candidates to 50, one user, and 1,000 users in one call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench import serve

_ITEMS, _POOL, _K, _DIM = 5_000, 500, 50, 32


def make(users: int = 1000, repeats: int = 40) -> Callable[[], dict[str, Any]]:
    import numpy as np
    import polars as pl

    from shortlist.postranking import (
        DPP,
        MMR,
        SSD,
        AttributeCap,
        Cap,
        Context,
        Gap,
        ItemTable,
        Quota,
        Rules,
    )
    from shortlist.queries import Queries
    from shortlist.ranked import Ranked

    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((_ITEMS, _DIM)).astype(np.float32)
    genres = [draw.choice(18, draw.integers(1, 4), replace=False).tolist() for _ in range(_ITEMS)]
    brands = draw.integers(0, 40, _ITEMS)
    items = ItemTable(pl.DataFrame({"item": np.arange(_ITEMS), "brand": brands, "genres": genres}))
    ids = np.stack([draw.permutation(_ITEMS)[:_POOL] for _ in range(users)])
    pool = Ranked(ids, -np.sort(-draw.random(ids.shape), axis=1), np.ones(ids.shape))
    steps = {
        "MMR": MMR(),
        "DPP": DPP(),
        "DPP, window 10": DPP(window=10),
        "SSD, window 10": SSD(),
        "AttributeCap": AttributeCap(column="genres", at_most=8),
        "Rules": Rules(
            rules=[
                Cap(column="brand", at_most=3),
                Gap(column="brand", places=3),
                Quota(column="brand", value=1, at_least=2),
            ]
        ),
    }

    def context(count: int) -> Context:
        queries = Queries.of(list(range(count)))
        return Context(queries, k=_K, items=items, vectors=lambda asked: vectors[asked])

    def clock(function: Callable[[], object], count: int) -> float:
        """The median CPU time in milliseconds, after one call to warm up."""
        function()
        times = []
        for _ in range(count):
            began = time.process_time()
            function()
            times.append(time.process_time() - began)
        return 1e3 * float(np.median(times))

    def run() -> dict[str, Any]:
        found: dict[str, Any] = {
            "published": {
                "MMR": clock(lambda: published_mmr(vectors[ids[0]], pool.scores[0]), repeats),
                "DPP": clock(lambda: published_dpp(vectors[ids[0]], pool.scores[0]), repeats),
            }
        }
        for name, step in steps.items():
            asked = context(1)
            one = clock(lambda step=step, asked=asked: step(pool.rows(0, 1), asked), repeats)
            rows = [pool.rows(row, row + 1) for row in range(users)]
            # In turn, as the machine may be slower at one time than at another.
            turns = [
                (
                    clock(lambda step=step, rows=rows: [step(row, context(1)) for row in rows], 1),
                    clock(lambda step=step: step(pool, context(users)), 3),
                )
                for _ in range(3)
            ]
            loop, batch = np.median(turns, axis=0).tolist()
            found[name] = {"one": one, "loop": loop, "batch": batch}
        return found

    return run


def published_mmr(vectors: Any, scores: Any) -> list[int]:
    """Carbonell and Goldstein 1998 for one list, in NumPy, on a matrix of likeness made whole."""
    import numpy as np

    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness, gains = units @ units.T, 0.7 * scores
    most, chosen = np.full(len(scores), -np.inf), [0]
    for _ in range(_K - 1):
        gains[chosen[-1]] = -np.inf
        most = np.maximum(most, likeness[chosen[-1]])
        chosen.append(int(np.argmax(gains - 0.3 * most)))
    return chosen


def published_dpp(vectors: Any, scores: Any) -> list[int]:
    """Algorithm 1 of Chen et al. 2018 for one list, in NumPy, on a kernel made whole."""
    import numpy as np

    units = vectors.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    weights = np.exp(2.0 * scores)
    kernel = weights[:, None] * np.exp(units @ units.T - 1.0) * weights
    factors, left = np.zeros((_K, len(scores))), np.diag(kernel).copy()
    chosen = [int(np.argmax(left))]
    for place in range(_K - 1):
        last = chosen[-1]
        row = kernel[last] - factors[:place, last] @ factors[:place]
        factors[place] = row / np.sqrt(left[last])
        left -= factors[place] ** 2
        left[last] = -np.inf
        chosen.append(int(np.argmax(left)))
    return chosen


serve(make)

"""Ours: `evaluate` of vectors in an exact index, with every metric, and popularity beside them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import serve


def make(folder: str) -> Callable[[], dict[str, Any]]:
    import numpy as np

    from shortlist.data import Interactions, LeakWarning, Split
    from shortlist.evaluation import evaluate
    from shortlist.index import Exact
    from shortlist.queries import Queries
    from shortlist.ranked import Ranked

    # The pairs are random, so some of those to be found are in train too.
    warnings.simplefilter("ignore", LeakWarning)
    train, test = (np.load(Path(folder) / f"{name}.npy") for name in ("train", "test"))
    logs = [Interactions({"user": p[:, 0], "item": p[:, 1]}, time=None) for p in (train, test)]
    split = Split(logs[0], None, logs[1], "random", "Random pairs.")
    vectors = np.load(Path(folder) / "queries.npy")
    candidates = np.load(Path(folder) / "candidates.npy")
    index = Exact().build(candidates, np.arange(len(candidates)))

    def ask(queries: Queries, k: int) -> Ranked:
        return index.search(vectors[queries.users], k, deny=queries.exclude)

    def run() -> dict[str, Any]:
        report = evaluate({"ours": ask}, split, ks=[10, 100])
        return {"recall@100": report.metrics["ours"]["recall@100"], "seconds": report.seconds}

    return run


serve(make)

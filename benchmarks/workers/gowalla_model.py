"""Ours: one model on the Gowalla split, the whole catalogue, train items excluded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import serve


def make(data: str, model: str, options: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    import time

    from shortlist import baselines
    from shortlist.data import Interactions, Split
    from shortlist.evaluation import evaluate

    parts = [Interactions(f"{data}/{name}.parquet", time=None) for name in ("train", "test")]
    split = Split(parts[0], None, parts[1], "gowalla", "The split of NGCF and LightGCN.")

    def fit() -> Any:
        if model != "GraphTowers":
            return getattr(baselines, model)(**options).fit(split.train)
        from graph_model import trained

        return trained(split.train, **options)

    def run() -> dict[str, Any]:
        began = time.perf_counter()
        fitted = fit()
        seconds = time.perf_counter() - began
        # Popularity is in every report as it is.
        asked = {} if model == "Popularity" else {"ours": fitted}
        report = evaluate(asked, split, ks=[20])
        found = report.metrics[report.models[-1]]
        return {**{name: found[name] for name in ("recall@20", "ndcg@20")}, "seconds": seconds}

    return run


serve(make)

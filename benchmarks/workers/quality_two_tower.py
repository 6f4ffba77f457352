"""Ours: the two-tower model that ``shortlist train`` makes, on a random split of MovieLens-100K."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import serve
from two_tower import Learned


def make(seed: int = 42, epochs: int = 10) -> Callable[[], dict[str, Any]]:
    import numpy as np

    from shortlist.baselines import EASE
    from shortlist.evaluation import Report, evaluate

    learned = Learned(seed, epochs)
    data, split = learned.data, learned.split
    test = split.test.by_user()

    def share(report: Report, model: str, k: int) -> float:
        """The share of all test events whose item is in the user's top k."""
        events = np.array([len(test[user]) for user in report.users.tolist()])
        found = report.per_user[model][f"recall@{k}"] * events
        return float(np.nansum(found) / events.sum())

    def run() -> dict[str, Any]:
        models = {"two-tower": learned.retriever(), "EASE": EASE().fit(split.train)}
        report = evaluate(models, split, items=learned.items, users=data.users)
        return {
            model: {
                "ndcg@10": report.metrics[model]["ndcg@10"],
                "top-100": share(report, model, 100),
            }
            for model in report.models
        }

    return run


serve(make)

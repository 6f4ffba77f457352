"""Ours: the two-tower model that ``shortlist train`` makes, on a random split of MovieLens-100K."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from bench import serve


def make(seed: int = 42, epochs: int = 10) -> Callable[[], dict[str, Any]]:
    import numpy as np

    from shortlist.baselines import EASE
    from shortlist.data.splits import LeakWarning
    from shortlist.evaluation import Report, evaluate
    from shortlist.recommender import encoders, fit, source
    from shortlist.recommender.config import Config

    # A random split leaks the future, and says so; it is what the figures of others are on.
    warnings.simplefilter("ignore", LeakWarning)
    config = Config.from_dict(
        {
            "data": {"dataset": "movielens-100k"},
            "split": {"method": "random", "seed": seed},
            "features": {"history": "others", "history_length": 64},
            "retrieval": {"weight_decay": 0.5, "epochs": epochs},
        }
    )
    data = source.load(config.data)
    split = source.split(data.interactions, config.split)
    items = encoders.catalogue(split.train, data.items)
    test = split.test.by_user()

    def share(report: Report, model: str, k: int) -> float:
        """The share of all test events whose item is in the user's top k."""
        events = np.array([len(test[user]) for user in report.users.tolist()])
        found = report.per_user[model][f"recall@{k}"] * events
        return float(np.nansum(found) / events.sum())

    def run() -> dict[str, Any]:
        retriever = fit.fit_retriever(
            split.train,
            data.users,
            items,
            features=config.features,
            retrieval=config.retrieval,
            seed=seed,
        )
        models = {"two-tower": retriever, "EASE": EASE().fit(split.train)}
        report = evaluate(models, split, items=items, users=data.users)
        return {
            model: {
                "ndcg@10": report.metrics[model]["ndcg@10"],
                "top-100": share(report, model, 100),
            }
            for model in report.models
        }

    return run


serve(make)

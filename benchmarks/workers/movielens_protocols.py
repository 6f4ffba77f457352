"""Ours: a baseline on random splits of MovieLens-100K, its penalty chosen on a part of train."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from bench import serve


def make(protocol: str, model: str, seeds: int) -> Callable[[], dict[str, Any]]:
    from shortlist.baselines import EASE, IALS
    from shortlist.data import LeakWarning, Split
    from shortlist.data.protocols import by_user_random
    from shortlist.datasets import movielens
    from shortlist.evaluation import evaluate
    from shortlist.queries import Queries

    # A random split leaks the future, and says so; it is what the figures of others are on.
    warnings.simplefilter("ignore", LeakWarning)
    interactions = movielens("100k").interactions
    makes: dict[str, dict[float, Callable[[], Any]]] = {
        "EASE": {r: lambda r=r: EASE(regularization=r) for r in (100, 200, 400, 800)},
        "IALS": {
            r: lambda r=r: IALS(alpha=0.3, regularization=r) for r in (0.003, 0.01, 0.02, 0.04)
        },
    }

    def split_of(seed: int) -> Split:
        """RecBole cuts each user 8:1:1; recommenders 3:1, of which a part is for the choice."""
        if protocol == "RecBole":
            return by_user_random(interactions, 0.1, 0.1, seed=seed)
        whole = by_user_random(interactions, 0.25, seed=seed)
        inner = by_user_random(whole.train, 0.1, seed=seed)
        return Split(inner.train, inner.test, whole.test, "75/25", whole.description)

    def judged(split: Split, part: str, penalty: float) -> dict[str, float]:
        fitted = makes[model][penalty]().fit(split.train)
        history = split.train.by_user()

        def ask(queries: Queries, k: int) -> Any:
            # What is for tuning is excluded from the lists of the test, but no one learns from it.
            known = history.of(queries.users)
            return fitted(Queries(queries.users, known, None, queries.exclude), k)

        return evaluate({"ours": ask}, split, ks=[10], part=part).metrics["ours"]  # type: ignore[arg-type]

    def run() -> dict[str, Any]:
        found: dict[str, list[float]] = {"recall@10": [], "ndcg@10": [], "penalties": []}
        for seed in range(seeds):
            split = split_of(seed)
            best = max(makes[model], key=lambda r: judged(split, "validation", r)["ndcg@10"])
            if protocol != "RecBole":
                # The choice made, the whole of train is learned from, as by the peers.
                train = by_user_random(interactions, 0.25, seed=seed).train
                split = Split(train, None, split.test, split.name, split.description)
            metrics = judged(split, "test", best)
            for name in ("recall@10", "ndcg@10"):
                found[name].append(metrics[name])
            found["penalties"].append(best)
        return found

    return run


serve(make)

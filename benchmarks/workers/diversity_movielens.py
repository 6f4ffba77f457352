"""MMR and DPP on the two towers of `shortlist train`, by their parameter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from bench import serve

_K, _POOL = 10, 100
_MMR = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.3)
_DPP = (0.99, 0.98, 0.96, 0.94, 0.92, 0.9, 0.87, 0.84, 0.8, 0.7, 0.5)


def make(seed: int = 42, epochs: int = 10) -> Callable[[], dict[str, Any]]:
    import numpy as np

    from shortlist.data.splits import LeakWarning
    from shortlist.metrics import ndcg
    from shortlist.postranking import DPP, MMR, Context, PostRanker
    from shortlist.queries import Queries
    from shortlist.ranked import Ranked
    from shortlist.recommender import encoders, fit, source
    from shortlist.recommender.config import Config

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
    past, test = split.train.by_user(), split.test.by_user()
    users = np.array([user for user in test if user in past])
    users = np.random.default_rng(seed).permutation(users)
    histories = [past[user] for user in users.tolist()]
    truths = [set(test[user].tolist()) for user in users.tolist()]
    relevant = np.array([len(truth) for truth in truths])

    def run() -> dict[str, Any]:
        retriever = fit.fit_retriever(
            split.train,
            data.users,
            items,
            features=config.features,
            retrieval=config.retrieval,
            seed=seed,
        )
        features = None if data.users is None else _rows(data.users, users)
        queries = Queries(users, histories, features, histories)
        pool = retriever(queries, _POOL)

        def measured(ranked: Ranked) -> tuple[np.ndarray, np.ndarray]:
            shown = ranked.top(_K)
            rows = zip(shown.ids.tolist(), truths, strict=True)
            hits = np.array([[item in truth for item in ids] for ids, truth in rows])
            vectors = retriever.vectors(shown.ids.ravel()).reshape(*shown.ids.shape, -1)
            vectors = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
            pairs = np.triu_indices(_K, 1)
            alike = np.matmul(vectors, vectors.transpose(0, 2, 1))[:, pairs[0], pairs[1]]
            return ndcg(hits, relevant, _K), 1.0 - alike.mean(axis=1)

        # One half of the users chooses the parameter and the other half is reported.
        half = len(users) // 2
        parts = {"chosen on": slice(None, half), "reported": slice(half, None)}
        accuracy, spread = measured(pool)
        rows = []
        for name, kind, values in (("mmr", MMR, _MMR), ("dpp", DPP, _DPP)):
            for value in values:
                step: PostRanker = kind(trade_off=value)
                context = Context(queries, k=_K, vectors=retriever.vectors)
                kept, wide = measured(step(pool, context))
                row: dict[str, Any] = {"method": name, "trade_off": value}
                for part, which in parts.items():
                    row[part] = {
                        "ndcg": float(kept[which].mean() / accuracy[which].mean()),
                        "diversity": float(wide[which].mean() / spread[which].mean()),
                    }
                rows.append(row)
        return {"rows": rows, "ndcg": float(accuracy.mean()), "diversity": float(spread.mean())}

    return run


def _rows(table: Any, users: Any) -> Any:
    """The users' attributes in the order of ``users``."""
    import polars as pl

    return pl.DataFrame({"user": users}).join(table, on="user", how="left", maintain_order="left")


serve(make)

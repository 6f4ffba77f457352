"""MMR and DPP on the two towers of `shortlist train`, by their parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import serve
from two_tower import Learned

_K, _POOL = 10, 100
_MMR = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.3)
_DPP = (0.99, 0.98, 0.96, 0.94, 0.92, 0.9, 0.87, 0.84, 0.8, 0.7, 0.5)


def make(seed: int = 42, epochs: int = 10) -> Callable[[], dict[str, Any]]:
    import numpy as np

    from shortlist.metrics import ndcg
    from shortlist.metrics.beyond import diversity
    from shortlist.postranking import DPP, MMR, Context, PostRanker
    from shortlist.queries import Queries
    from shortlist.ranked import Ranked

    learned = Learned(seed, epochs)
    data, split = learned.data, learned.split
    past, test = split.train.by_user(), split.test.by_user()
    users = np.array([user for user in test if user in past])
    users = np.random.default_rng(seed).permutation(users)
    histories = [past[user] for user in users.tolist()]
    truths = [set(test[user].tolist()) for user in users.tolist()]
    relevant = np.array([len(truth) for truth in truths])

    def run() -> dict[str, Any]:
        retriever = learned.retriever()
        features = None if data.users is None else _rows(data.users, users)
        queries = Queries(users, histories, features, histories)
        pool = retriever(queries, _POOL)

        def measured(ranked: Ranked) -> tuple[np.ndarray, np.ndarray]:
            shown = ranked.top(_K)
            rows = zip(shown.ids.tolist(), truths, strict=True)
            hits = np.array([[item in truth for item in ids] for ids, truth in rows])
            vectors = retriever.vectors(shown.ids.ravel()).reshape(*shown.ids.shape, -1)
            return ndcg(hits, relevant, _K), diversity(vectors, shown.valid, _K)

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

"""Ours: the vectors of a two-tower model trained on drawn events with Zipf popularity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import serve


def make(
    folder: str, users: int, items: int, events: int, epochs: int, queries: int
) -> Callable[[], dict[str, Any]]:
    import keras
    import numpy as np

    from shortlist.data import Batches
    from shortlist.datasets import synthetic
    from shortlist.features import FeatureInfo
    from shortlist.models import TwoTower
    from shortlist.training import BatchDataset, set_seed

    # The tail of a Zipf law of exponent 1 would leave most items without any event.
    drawn = synthetic(users, items, events, dim=32, popularity=0.7, strength=10.0, seed=1)
    who = drawn.interactions.frame["user"].to_numpy().astype(np.int32)
    what = drawn.interactions.frame["item"].to_numpy().astype(np.int32)
    count = np.bincount(what, minlength=items + 1)

    class Share:
        """How often each event's item is met; looked up when a batch is made."""

        def __len__(self) -> int:
            return len(what)

        def take(self, rows: np.ndarray) -> np.ndarray:
            return (count[what[rows]] / len(what)).astype(np.float32)

    columns = {"user": who, "item": what, "candidate_probability": Share()}
    batches = Batches(columns, min(4096, events), seed=1, drop_remainder=True, unique=["item"])
    set_seed(1)
    model = TwoTower(
        {"user": FeatureInfo("categorical", size=users + 1)},
        {"item": FeatureInfo("categorical", size=items + 1)},
        embedding_dim=63,  # the bias of the items is one dimension more
    )
    # The gradient of one row among thousands is small; a usual start would drown it for good.
    model.compile(keras.optimizers.Adagrad(0.05, initial_accumulator_value=1e-9))

    def run() -> dict[str, Any]:
        model.fit(BatchDataset(batches), epochs=epochs, verbose=0)
        vectors = model.embed_candidates({"item": np.arange(1, items + 1, dtype=np.int32)})
        asked = np.random.default_rng(2).permutation(users)[:queries] + 1
        Path(folder).mkdir(parents=True, exist_ok=True)
        np.save(Path(folder) / "vectors.npy", vectors)
        np.save(Path(folder) / "queries.npy", model.embed_queries({"user": asked.astype(np.int32)}))
        norms, met = np.linalg.norm(vectors, axis=1), np.log1p(count[1:])
        return {
            "correlation": float(np.corrcoef(norms, met)[0, 1]),
            "norms": np.quantile(norms, [0.01, 0.5, 0.99, 1.0]).tolist(),
        }

    return run


serve(make)

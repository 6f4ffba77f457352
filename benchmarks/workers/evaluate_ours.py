"""Ours: FactorizedTopK in an evaluation that does nothing else, on KERAS_BACKEND."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import fed, serve


def make(folder: str, batch: int) -> Callable[[], dict[str, float]]:
    import numpy as np
    from keras import ops

    from shortlist.layers import Embedding
    from shortlist.metrics import FactorizedTopK
    from shortlist.models import Model

    queries, candidates, truth = (
        np.load(Path(folder) / f"{name}.npy") for name in ("queries", "candidates", "truth")
    )

    class Evaluated(Model):
        def __init__(self) -> None:
            super().__init__()
            self.items = Embedding(*candidates.shape)
            self.items.build()
            self.items.set_weights([candidates])
            self.metric = FactorizedTopK(lambda: self.items(np.arange(len(candidates))))

        def compute_loss(self, features: dict[str, Any], training: bool = False) -> Any:
            self.metric.update_state(features["query"], self.items(features["item"]))
            return ops.zeros(())

    model = Evaluated()
    model.compile()
    data = fed({"query": queries, "item": truth}, batch)

    def run() -> dict[str, float]:
        logs = model.evaluate(**data, verbose=0, return_dict=True)
        return {
            str(k): float(logs[f"factorized_top_k/top_{k}_categorical_accuracy"]) for k in (1, 100)
        }

    return run


serve(make)

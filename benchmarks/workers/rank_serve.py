"""Ours: 500 candidates of one user, from columns to an order, by a DCNv2 (ONNX or Keras).

As a recommender serves them, the features of items encoded when it loads; or all columns ``anew``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import serve
from ctr_data import Clicks

_OF_ITEMS = ["item", "genres", "year"]


def make(
    engine: str, requests: int, anew: bool = False, candidates: int = 500
) -> Callable[[], dict[str, float]]:
    import numpy as np
    import polars as pl

    from shortlist.bundle import read_folder, write_folder
    from shortlist.models import DCNv2
    from shortlist.recommender.models import read_ranker, write_ranker

    clicks = Clicks()
    folder = Path(tempfile.mkdtemp()) / "ranker"
    model = DCNv2(clicks.encoder)
    model.score({name: values[:8] for name, values in clicks.asked().items()})
    write_folder(folder, lambda draft: write_ranker(draft, model), kind="ranker")
    ranker = read_ranker(read_folder(folder, kind="ranker"), "onnx") if engine == "onnx" else model
    encoder, asked = clicks.encoder, clicks.columns(np.arange(10_000))
    own = [c for c in asked.columns if c not in _OF_ITEMS]
    of_items = [spec.name for spec in encoder.specs if spec.column in _OF_ITEMS]
    # As a recommender does when it loads: what an item is does not change from query to query.
    items = {name: values for name, values in encoder.transform(asked).items() if name in of_items}
    generator = np.random.default_rng(0)

    def as_served(user: Any, rows: Any) -> Any:
        one = encoder.transform(user)
        mine = {name: np.repeat(one[name], candidates, axis=0) for name in one}
        return mine | {name: values[rows] for name, values in items.items()}

    def answer(user: int) -> tuple[float, float]:
        """Milliseconds in all, and of them those of the encoding."""
        # One user beside items that are drawn: what a server is asked.
        rows = generator.integers(0, asked.height, candidates)
        table = (
            asked[[user]]
            if not anew
            else pl.concat(
                [asked[np.full(candidates, user)].select(own), asked[rows].select(_OF_ITEMS)],
                how="horizontal",
            )
        )
        begin = time.perf_counter()
        encoded = encoder.transform(table) if anew else as_served(table, rows)
        middle = time.perf_counter()
        np.argsort(-ranker.score(encoded), kind="stable")
        end = time.perf_counter()
        return 1000 * (end - begin), 1000 * (middle - begin)

    def run() -> dict[str, float]:
        taken = np.array([answer(user) for user in range(requests)])
        return {
            "p50": float(np.median(taken[:, 0])),
            "p99": float(np.quantile(taken[:, 0], 0.99)),
            "encode": float(np.median(taken[:, 1])),
        }

    return run


serve(make)

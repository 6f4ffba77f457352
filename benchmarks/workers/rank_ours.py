"""Ours: an epoch of a ranker on the examples of ``rank-train``, on KERAS_BACKEND."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import fed, serve
from rank_examples import BOTTOM, CROSSES, DIM, HIDDEN, RATE, columns


def make(folder: str, model: str, sizes: list[int], batch: int) -> Callable[[], None]:
    import keras

    from shortlist.features import FeatureInfo
    from shortlist.ranking import make_ranker

    codes, numbers, labels = columns(folder)
    features = {
        name: FeatureInfo("categorical", size=size) for name, size in zip(codes, sizes, strict=True)
    } | {name: FeatureInfo("numeric") for name in numbers}
    options: dict[str, Any] = (
        {"structure": "parallel", "cross_layers": CROSSES}
        if model == "dcn_v2"
        else {"bottom_units": BOTTOM}
    )
    ranker = make_ranker(
        model, features, embedding_dim=DIM, hidden_units=HIDDEN, dropout=0.0, **options
    )
    ranker.compile(keras.optimizers.Adagrad(RATE))
    data = fed({**codes, **numbers, "label": labels}, batch)

    def run() -> None:
        ranker.fit(**data, epochs=1, verbose=0)

    return run


serve(make)

"""The ranker of a configuration, trained on lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shortlist.features import FeatureInfo
from shortlist.ranking.registry import make_ranker
from shortlist.recommender.models import RankerModel
from shortlist.recommender.ranking_config import RankingConfig
from shortlist.recommender.weights import load_keras

__all__ = ["fit_ranker"]

_LISTS_A_STEP = 32
# Of so many lists one says how many trees are enough.
_ONE_IN = 10


def fit_ranker(
    infos: Mapping[str, FeatureInfo],
    features: Mapping[str, np.ndarray],
    gains: np.ndarray,
    labels: Mapping[str, np.ndarray],
    config: RankingConfig,
    seed: int,
) -> RankerModel:
    """Train the ranker that ``config`` names.

    Args:
        infos: the features, by name.
        features: their values in each place of the lists, ``[B, K]`` or ``[B, K, ...]``.
        gains: ``[B, K]``, 1 or 0, -1 for no item: what a ranker of one task learns.
        labels: ``[B, K]`` by task, NaN where there is none: what one of several learns.
        config: which ranker, and how it is trained.
        seed: of the weights, the dropout and the order of the lists.
    """
    # A list with more to be found says more about the order, though not in proportion.
    weight = np.sqrt((gains > 0).sum(axis=1)).astype(np.float32)
    if config.name == "lightgbm":
        trees = make_ranker(config.name, infos, loss="listwise", seed=seed, **config.options)
        return _fit_trees(trees, {**features, "label": gains, "sample_weight": weight})
    from shortlist.training import set_seed  # noqa: PLC0415  (loads Keras)

    keras = load_keras()
    set_seed(seed)
    if labels:
        model = _of_tasks(infos, labels, config)
        data = {**features, **labels}
    else:
        model = make_ranker(config.name, infos, loss="listwise", **config.options)
        data = {**features, "label": gains, "sample_weight": weight}
    batch_size = min(_LISTS_A_STEP, len(gains))
    steps = config.epochs * -(-len(gains) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps, alpha=0.02)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=0.01))
    model.fit(data, batch_size=batch_size, epochs=config.epochs, verbose=0)
    return model


def _of_tasks(
    infos: Mapping[str, FeatureInfo], labels: Mapping[str, np.ndarray], config: RankingConfig
) -> Any:
    tasks = config.chosen_tasks
    weights = {name: task.weight for name, task in tasks.items()}
    squared = [name for name, task in tasks.items() if task.loss == "squared"]
    return make_ranker(
        config.name,
        infos,
        tasks={name: task.loss for name, task in tasks.items()},
        initials={name: float(np.nanmean(labels[name])) for name in tasks},
        # What is said of a rating is a rating, which a product of scores relies on.
        bounds={n: (float(np.nanmin(labels[n])), float(np.nanmax(labels[n]))) for n in squared},
        **{"weights": weights, **config.options},
    )


def _fit_trees(trees: Any, data: Mapping[str, np.ndarray]) -> RankerModel:
    held_out = np.arange(len(data["label"])) % _ONE_IN == _ONE_IN - 1
    if not (data["label"][held_out] > 0).any():
        return trees.fit(data)
    parts = [
        {name: values[rows] for name, values in data.items()} for rows in (~held_out, held_out)
    ]
    return trees.fit(*parts)

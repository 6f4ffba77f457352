"""Which features a ranker lives on: what it loses where one of them is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from shortlist.errors import ConfigError, DataError, nearest

__all__ = ["importance_figure", "permutation_importance"]

Metric = Callable[[np.ndarray, np.ndarray], float]


def permutation_importance(
    ranker: Any,
    features: Mapping[str, np.ndarray],
    labels: np.ndarray,
    *,
    metric: Metric,
    repeats: int = 5,
    groups: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """How much worse a metric becomes where the values of a feature are dealt to other rows.

    A feature that others can stand in for seems of little importance; name what belongs together
    as a group, which is then shuffled as one.

    Args:
        ranker: anything with ``score(features) -> [N]``; it is not trained again.
        features: NumPy arrays by name, which the ranker was not trained on.
        labels: ``[N]``.
        metric: called as ``metric(labels, scores)``; more is better.
        repeats: how often each feature is shuffled.
        groups: names, and the features of each; by default each feature by itself.
        seed: of the shuffling.

    Returns:
        A frame of ``feature``, ``importance`` (the mean loss of the metric) and ``deviation``
        (between the repeats), the most important first.

    Raises:
        ConfigError: a group names a feature that is not there, or ``repeats`` is not positive.
        DataError: there are fewer than two rows, or not a label for each.

    Reference: Breiman 2001, "Random Forests"; Fisher, Rudin and Dominici 2019, "All Models are
    Wrong, but Many are Useful".

    >>> class Sum:
    ...     def score(self, features):
    ...         return features["a"] + 0 * features["b"]
    >>> data = {"a": np.arange(100.0), "b": np.arange(100.0)}
    >>> error = lambda labels, scores: -np.mean((labels - scores) ** 2)
    >>> found = permutation_importance(Sum(), data, data["a"], metric=error)
    >>> found["feature"].to_list(), found["importance"][1]
    (['a', 'b'], 0.0)
    """
    labels = np.asarray(labels)
    rows = len(next(iter(features.values()))) if features else 0
    if rows < 2 or len(labels) != rows:
        raise DataError(
            f"permutation_importance expected two rows or more and a label for each; received "
            f"{rows} rows and {len(labels)} labels."
        )
    if repeats < 1:
        raise ConfigError(f"repeats expected a positive integer; received {repeats!r}.")
    chosen = {name: [name] for name in features} if groups is None else groups
    for name in (name for names in chosen.values() for name in names):
        if name not in features:
            raise ConfigError(
                f"A group names the feature {name!r}, which is not there; there are "
                f"{[*features]}.{nearest(name, features)}"
            )
    best = metric(labels, ranker.score(features))
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(rows) for _ in range(repeats)]
    found = []
    for group, names in chosen.items():
        lost = [
            best - metric(labels, ranker.score({**features, **{n: features[n][o] for n in names}}))
            for o in orders
        ]
        deviation = float(np.std(lost, ddof=1)) if repeats > 1 else 0.0
        found.append({"feature": group, "importance": float(np.mean(lost)), "deviation": deviation})
    schema = {"feature": pl.String, "importance": pl.Float64, "deviation": pl.Float64}
    return pl.DataFrame(found, schema=schema).sort(
        "importance", descending=True, maintain_order=True
    )


def importance_figure(importance: pl.DataFrame, title: str = "Importance") -> dict[str, Any]:
    """What `permutation_importance` returns as bars: a Vega-Lite specification with its data.

    A line through the end of each bar is one deviation to both sides.

    Args:
        importance: the frame.
        title: stands above the figure.

    >>> frame = pl.DataFrame({"feature": ["a"], "importance": [0.2], "deviation": [0.1]})
    >>> [layer["mark"]["type"] for layer in importance_figure(frame)["layer"]]
    ['bar', 'rule']
    """
    y = {"field": "feature", "type": "nominal", "sort": importance["feature"].to_list()}
    values = importance.with_columns(
        low=pl.col("importance") - pl.col("deviation"),
        high=pl.col("importance") + pl.col("deviation"),
    )
    bar = {"field": "importance", "type": "quantitative", "title": "loss of the metric"}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "data": {"values": values.to_dicts()},
        "height": {"step": 18},
        "encoding": {"y": {**y, "title": None}},
        "layer": [
            {"mark": {"type": "bar", "tooltip": True}, "encoding": {"x": bar}},
            {
                "mark": {"type": "rule", "color": "black"},
                "encoding": {
                    "x": {"field": "low", "type": "quantitative"},
                    "x2": {"field": "high"},
                },
            },
        ],
    }

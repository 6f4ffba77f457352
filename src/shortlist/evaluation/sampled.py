"""Metrics among a few drawn items, which older papers report: by name only, and with a warning.

They order models otherwise than the whole catalogue does: at a cut-off they are inconsistent and
not merely noisy, for a model that is good at the very top gains nothing from it (Krichene and
Rendle 2020, "On sampled metrics for item recommendation"). Averages over more draws do not help;
only the share of the drawn items that stand below the relevant one, the AUC, is unbiased.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from shortlist.errors import ConfigError
from shortlist.evaluation.run import Retriever, placed
from shortlist.evaluation.truth import Truth
from shortlist.ids import flatten
from shortlist.metrics.ranking import METRICS

__all__ = ["SampledMetricsWarning", "check_sampled", "sampled_metrics"]

_AT_ONCE = 2**22


class SampledMetricsWarning(UserWarning):
    """Metrics among sampled items are asked for; they do not rank models as full metrics do."""


def check_sampled(count: Any) -> int:
    """How many items are drawn for each user, if it is a positive whole number; and warn.

    Raises:
        ConfigError: it is not.

    Warns:
        SampledMetricsWarning: always.
    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise ConfigError(f"Expected sampled of at least 1 or None; received {count!r}.")
    warnings.warn(
        f"sampled{count}_* are metrics among {count} drawn items. They are biased and can order "
        "models otherwise than the whole catalogue does (Krichene and Rendle 2020); use them to "
        "compare with old papers alone.",
        SampledMetricsWarning,
        stacklevel=3,
    )
    return int(count)


def sampled_metrics(
    name: str, model: Retriever, truth: Truth, cuts: Sequence[int], count: int
) -> dict[str, np.ndarray]:
    """Each metric ``[U]`` where only the relevant and ``count`` drawn items compete.

    Drawn uniformly from the catalogue, each once a user, without what the user knows or is to be
    found; the same for every model. Where fewer are left, all are taken. The model is asked for its
    list of the whole catalogue, from which those that do not compete are struck.
    """
    size = len(truth.items)
    draw = np.random.default_rng(0)
    blocks = []
    step = max(1, _AT_ONCE // size)
    for start in range(0, len(truth.queries), step):
        queries = truth.queries.rows(start, start + step)
        sizes = truth.sizes[start : start + step]
        competing = _competing(truth, start, len(queries), count, draw)
        places = placed(name, model, queries, truth, size)
        known = (places >= 0) & (places < size)
        shown = known & np.take_along_axis(competing, np.where(known, places, 0), axis=1)
        # What competes moves to the front, in the order of the model's list.
        order = np.argsort(~shown, axis=1, kind="stable")[:, : max(cuts)]
        kept = np.where(
            np.take_along_axis(shown, order, axis=1), np.take_along_axis(places, order, axis=1), -1
        )
        hits = truth.hits(start, kept)
        blocks.append(
            {
                f"sampled{count}_{metric}@{k}": function(hits, sizes, k)
                for metric, function in METRICS.items()
                for k in cuts
            }
        )
    return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}


def _competing(
    truth: Truth, start: int, rows: int, count: int, draw: np.random.Generator
) -> np.ndarray:
    """Which of ``truth.items`` compete for each user ``[rows, N]``."""
    first, last = np.searchsorted(truth.owners, [start, start + rows])
    relevant = truth.owners[first:last] - start, truth.relevant[first:last]
    keys = draw.random((rows, len(truth.items)))
    keys[:, ~truth.catalogue] = 2.0
    keys[relevant] = 2.0
    known = truth.queries.rows(start, start + rows).exclude
    if known is not None:
        flat, owners = flatten(known)
        places = truth.places.of(flat)
        keys[owners[places >= 0], places[places >= 0]] = 2.0
    last_drawn = min(count, keys.shape[1]) - 1
    ends = np.partition(keys, last_drawn, axis=1)[:, last_drawn]
    competing = (keys <= ends[:, None]) & (keys < 2.0)
    competing[relevant] = True
    return competing

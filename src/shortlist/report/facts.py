"""What the data are like before any model looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from shortlist.data import Interactions

__all__ = ["DataFacts"]

_POINTS = 50
_HEAD = 0.8


@dataclass(frozen=True)
class DataFacts:
    """The shape of a set of interactions.

    Attributes:
        counts: those of `Interactions.facts`, and ``repeats``, the share of the events in which a
            user meets an item again; ``head``, the share of the items that make up 80 % of the
            events; ``median_per_user`` and ``median_per_item``.
        tail: ``(share of items, share of events)``, the most popular items first.
        times: ``(time, events)`` in stretches of equal length; empty where there are no times.
    """

    counts: dict[str, Any]
    tail: tuple[tuple[float, float], ...]
    times: tuple[tuple[float, int], ...]

    @classmethod
    def of(cls, interactions: Interactions) -> DataFacts:
        """Look at ``interactions``, of which there must be at least one.

        >>> log = Interactions({"user": [1, 1, 2], "item": ["a", "a", "b"], "time": [1, 2, 3]})
        >>> facts = DataFacts.of(log)
        >>> round(facts.counts["repeats"], 2), facts.counts["head"], facts.tail[-1]
        (0.33, 1.0, (1.0, 1.0))
        """
        counts = np.bincount(interactions.item_codes)
        pairs = interactions.frame.select(pl.struct("user", "item").n_unique()).item()
        reached = np.cumsum(np.sort(counts)[::-1]) / counts.sum()
        facts = interactions.facts()
        facts["repeats"] = 1 - pairs / len(interactions)
        facts["head"] = float((np.searchsorted(reached, _HEAD) + 1) / len(counts))
        facts["median_per_user"] = float(np.median(np.bincount(interactions.user_codes)))
        facts["median_per_item"] = float(np.median(counts))
        places = np.unique(np.linspace(1, len(counts), _POINTS).astype(int))
        tail = [(float(place / len(counts)), float(reached[place - 1])) for place in places]
        return cls(facts, ((0.0, 0.0), *tail), _over_time(interactions))


def _over_time(interactions: Interactions) -> tuple[tuple[float, int], ...]:
    times = interactions.times
    if times is None or times.min() == times.max():
        return ()
    events, ends = np.histogram(times, bins=_POINTS)
    return tuple(zip(((ends[1:] + ends[:-1]) / 2).tolist(), events.tolist(), strict=True))

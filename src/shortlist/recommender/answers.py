"""What a `Recommender` answers: the lists, and where each item of them came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shortlist.postranking import Trace
from shortlist.ranked import Ranked

__all__ = ["Explanation", "Recommendations", "Stages", "explain"]


@dataclass(frozen=True)
class Explanation:
    """Why an item stands where it stands.

    Attributes:
        item: the item's id.
        retrieval_score, retrieval_place: what retrieval (in a row of the fallback: popularity)
            gave it, and its place in that order, from 0.
        ranking_score, ranking_place: the same of the ranker; None where it did not rank.
        task_scores: what each task of a ranker of several tasks says; else empty.
        reasons: what each post-ranker that moved the item did, in order, in words.
    """

    item: Any
    retrieval_score: float
    retrieval_place: int
    ranking_score: float | None
    ranking_place: int | None
    reasons: tuple[str, ...]
    task_scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Recommendations(Ranked):
    """A `Ranked` that says how its rows came about.

    Attributes:
        fallback: ``[B]`` bool, True where nothing was known of the user, so that the row holds
            the most popular items rather than personal ones.
        degraded: the ranker failed, so that the lists are in the order of retrieval.
        explanations: for each row, one `Explanation` a valid place, in their order; None unless
            asked for.
    """

    fallback: np.ndarray
    degraded: bool = False
    explanations: Sequence[Sequence[Explanation]] | None = None


@dataclass(frozen=True, eq=False)
class Stages:
    """What one block of queries became, stage by stage.

    Attributes:
        retrieved: the pool, in the order of retrieval.
        ranked: the pool in the ranker's order; None without one.
        final: what is shown.
        cold: ``[B]`` bool: the rows that popularity answered.
        degraded: whether the ranker failed.
        trace: what the post-rankers did, if it was asked for.
        task_scores: what each task of the ranker says of the places of ``retrieved``, likewise.
    """

    retrieved: Ranked
    ranked: Ranked | None
    final: Ranked
    cold: np.ndarray
    degraded: bool
    trace: Trace | None
    task_scores: Mapping[str, np.ndarray] = field(default_factory=dict)


def explain(stages: Stages) -> list[list[Explanation]]:
    """An `Explanation` for each item that is shown."""
    return [_of_row(stages, row) for row in range(len(stages.final))]


def _of_row(stages: Stages, row: int) -> list[Explanation]:
    retrieved = _placed(stages.retrieved, row)
    ranked = {} if stages.ranked is None or stages.cold[row] else _placed(stages.ranked, row)
    trace = Trace() if stages.trace is None else stages.trace
    found = []
    for item in stages.final.lists()[row]:
        score, place = ranked.get(item, (None, None))
        reasons = tuple(trace.explain(row, item).splitlines())
        first = retrieved[item]
        told = _told(stages, row, first[1]) if score is not None else {}
        found.append(Explanation(item, *first, score, place, reasons, told))
    return found


def _told(stages: Stages, row: int, place: int) -> dict[str, float]:
    """What each task says of a place of the pool."""
    return {task: float(scores[row, place]) for task, scores in stages.task_scores.items()}


def _placed(ranked: Ranked, row: int) -> dict[Any, tuple[float, int]]:
    """The score and the place of each item of a list."""
    valid = ranked.valid[row]
    pairs = zip(ranked.ids[row][valid].tolist(), ranked.scores[row][valid].tolist(), strict=True)
    return {item: (score, place) for place, (item, score) in enumerate(pairs)}

"""Watching a recommender's stages from outside: what each did, and what to do when one fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from shortlist.postranking import Context, PostRanker, Trace
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender import Recommender

__all__ = ["Notes", "watched"]

_log = logging.getLogger("shortlist.serving")

Ranker = Callable[[Queries, Ranked], Ranked]


@dataclass(eq=False)
class Notes:
    """What the stages did in one pass.

    Attributes:
        retrieved: what came out of retrieval.
        ranked: what came out of the ranker; None where there is none, or it failed.
        shown: what came out of the post-rankers.
        context: what the post-rankers were given, with the propensities of what was drawn.
        degraded: the name of a stage that failed and was left out, or None.
    """

    retrieved: Ranked | None = None
    ranked: Ranked | None = None
    shown: Ranked | None = None
    context: Context | None = None
    degraded: str | None = None


def watched(
    recommender: Recommender,
    notes: Notes,
    *,
    postranker: PostRanker | None,
    seed: int,
    explain: bool = False,
) -> Recommender:
    """The same recommender, whose stages write into ``notes`` and which a failing ranker spares.

    Args:
        recommender: left as it is.
        notes: for one pass.
        postranker: what post-ranks this time.
        seed: of what is drawn at random.
        explain: whether the post-rankers give their reasons.
    """
    other = copy(recommender)
    other.ranker = _Ranking(recommender.ranker, notes)
    if postranker is not None:
        # Called as a post-ranker is; it is none, as it must not be saved.
        other.postranker = _PostRanking(postranker, notes, seed, explain)  # type: ignore[assignment]
    return other


class _Ranking:
    def __init__(self, ranker: Ranker | None, notes: Notes) -> None:
        self._ranker = ranker
        self._notes = notes

    def __call__(self, queries: Queries, ranked: Ranked) -> Ranked:
        self._notes.retrieved = ranked
        if self._ranker is None:
            return ranked
        try:
            self._notes.ranked = self._ranker(queries, ranked)
        except Exception:
            _log.exception("the ranker failed; answering in the order of retrieval")
            self._notes.degraded = "ranking"
            return ranked
        return self._notes.ranked


class _PostRanking:
    def __init__(self, postranker: PostRanker, notes: Notes, seed: int, explain: bool) -> None:
        self._postranker = postranker
        self._notes = notes
        self._seed = seed
        self._explain = explain

    def __call__(self, ranked: Ranked, context: Context) -> Ranked:
        changed: dict[str, Any] = {"seed": self._seed}
        if self._explain:
            changed["trace"] = Trace()
        self._notes.context = replace(context, **changed)
        self._notes.shown = self._postranker(ranked, self._notes.context)
        return self._notes.shown

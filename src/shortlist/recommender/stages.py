"""One block of queries through the stages: retrieve, rank, post-rank."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.baselines import Popularity
from shortlist.errors import ConfigError
from shortlist.ids import as_ids
from shortlist.postranking import MMR, Context, Pipeline, PostRanker, Seen, Stage, Trace
from shortlist.queries import Queries
from shortlist.ranked import Ranked
from shortlist.recommender.answers import Stages
from shortlist.recommender.catalogue import Catalogue
from shortlist.recommender.retrieval import TowerRetriever

__all__ = ["Machine", "Wishes", "adjusted"]

_log = logging.getLogger("shortlist.recommender")

Retriever = Callable[[Queries, int], Ranked]
Ranker = Callable[[Queries, Ranked], Ranked]
Allow = Sequence[Any] | np.ndarray | None


@dataclass(frozen=True)
class Wishes:
    """What one call asks for, besides who asks.

    Attributes:
        k: the length of the lists.
        allow: the only ids that may be shown: a list a query, a flat array for all, or None.
        postranker: the last stage, or None.
        degrade: keep retrieval's order where the ranker fails, rather than fail.
        explain: collect what the post-rankers do.
        seed: of post-rankers that draw.
    """

    k: int
    allow: Allow = None
    postranker: PostRanker | None = None
    degrade: bool = False
    explain: bool = False
    seed: int = 0

    def rows(self, start: int, stop: int) -> Allow:
        """The part of ``allow`` that is meant for the queries from ``start`` up to ``stop``."""
        flat = self.allow is None or (isinstance(self.allow, np.ndarray) and self.allow.ndim == 1)
        return self.allow if flat or self.allow is None else self.allow[start:stop]


@dataclass(frozen=True, eq=False)
class Machine:
    """The stages with what they all see of one moment.

    Attributes:
        retriever, ranker, pool: see `Recommender`.
        fallback: the items, the most popular first.
        catalogue: the items.
        removed: items that a retriever may know and the catalogue no longer does.
    """

    retriever: Retriever
    ranker: Ranker | None
    fallback: Popularity
    pool: int
    catalogue: Catalogue
    removed: frozenset[Any]

    def answer(self, queries: Queries, cold: np.ndarray, allow: Allow, wishes: Wishes) -> Stages:
        """Answer a block of queries; those that are ``cold`` with what is popular."""
        size = max(self.pool, wishes.k)
        retrieved, ranked, degraded = self._found(queries, cold, size, allow, wishes)
        final = retrieved if ranked is None else ranked
        trace = Trace() if wishes.explain else None
        if wishes.postranker is not None:
            vectors = getattr(self.retriever, "vectors", None)
            context = Context(
                queries, wishes.k, self.catalogue.table, vectors, seed=wishes.seed, trace=trace
            )
            final = wishes.postranker(final, context)
        told: Mapping[str, np.ndarray] = {}
        if wishes.explain and ranked is not None:
            told = self._task_scores(queries, retrieved)
        return Stages(retrieved, ranked, final.top(wishes.k), cold, degraded, trace, told)

    def _found(
        self, queries: Queries, cold: np.ndarray, size: int, allow: Allow, wishes: Wishes
    ) -> tuple[Ranked, Ranked | None, bool]:
        """What retrieval finds, its order by the ranker, and whether the ranker failed."""
        if len(cold) and cold.all():
            return self._filtered(self.fallback, queries, size, allow), None, False
        if isinstance(self.retriever, TowerRetriever):
            retrieved = self.retriever(queries, size, allow)
        else:
            retrieved = self._filtered(self.retriever, queries, size, allow)
        ranked, failed = self._ranked(queries, retrieved, wishes.degrade)
        if cold.any():
            popular = self._filtered(self.fallback, queries, size, allow)
            retrieved = _replaced(retrieved, cold, popular)
            ranked = None if ranked is None else _replaced(ranked, cold, popular)
        return retrieved, ranked, failed

    def _ranked(
        self, queries: Queries, retrieved: Ranked, degrade: bool
    ) -> tuple[Ranked | None, bool]:
        if self.ranker is None:
            return None, False
        try:
            return self.ranker(queries, retrieved), False
        except Exception:  # whatever a ranker may do wrong
            if not degrade:
                raise
            _log.exception("The ranker failed; the order of retrieval stands in for its own.")
            return None, True

    def _task_scores(self, queries: Queries, retrieved: Ranked) -> Mapping[str, np.ndarray]:
        """What each task of the ranker says of the pool, where it has several."""
        say = getattr(self.ranker, "task_scores", None)
        return {} if say is None else say(queries, retrieved)

    def _filtered(self, source: Retriever, queries: Queries, size: int, allow: Allow) -> Ranked:
        """What a retriever that knows no filters finds, without what may not be shown."""
        if allow is None and not self.removed:
            return source(queries, size)
        more = len(self.catalogue) if allow is not None else size
        found = source(queries, max(size, more) + len(self.removed))
        if isinstance(allow, np.ndarray) and allow.ndim == 1:
            allowed = [set(allow.tolist())] * len(queries)
        else:
            allowed = [] if allow is None else [set(as_ids(ids).tolist()) for ids in allow]
        keep = [
            [i not in self.removed and (not allowed or i in allowed[row]) for i in ids]
            for row, ids in enumerate(found.ids.tolist())
        ]
        return found.keep(np.array(keep, dtype=bool).reshape(found.ids.shape)).top(size)


def adjusted(
    postranker: PostRanker | None,
    diversity: float | None,
    rules: Sequence[PostRanker],
    exclude_seen: bool = True,
) -> PostRanker | None:
    """The post-ranker with another diversity and with further steps, each at its stage.

    Args:
        postranker: the recommender's own, or None.
        diversity: from 0, the order of relevance, to 1; in place of every step that diversifies.
            None leaves them.
        rules: further steps; each comes after those of its own stage.
        exclude_seen: False leaves out the step that takes out what a user has met.

    Raises:
        ConfigError: ``diversity`` is out of range.
    """
    alone = [] if postranker is None else [postranker]
    own = list(postranker) if isinstance(postranker, Pipeline) else alone
    steps = [step for step in own if exclude_seen or not isinstance(step, Seen)]
    if diversity is None and not rules and len(steps) == len(own):
        return postranker
    if diversity is not None:
        if not 0.0 <= diversity <= 1.0:
            raise ConfigError(f"diversity expected a number from 0 to 1; received {diversity!r}.")
        steps = [step for step in steps if step.stage is not Stage.DIVERSITY]
        if diversity:
            steps.append(MMR(trade_off=1.0 - diversity))
    return Pipeline(sorted([*steps, *rules], key=lambda step: step.stage))


def _replaced(ranked: Ranked, rows: np.ndarray, other: Ranked) -> Ranked:
    return Ranked(
        np.where(rows[:, None], other.ids, ranked.ids),
        np.where(rows[:, None], other.scores, ranked.scores),
        np.where(rows[:, None], other.valid, ranked.valid),
    )

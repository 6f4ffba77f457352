"""The last stage of a request: the bundle's post-rankers and the request's, with what they drew."""

from __future__ import annotations

from typing import Any

import numpy as np

from shortlist.postranking import Context, Pipeline, PostRanker, Rules, Seen
from shortlist.ranked import Ranked
from shortlist.recommender.stages import adjusted

__all__ = ["Drawing", "asked_for"]


def asked_for(
    usual: PostRanker | None,
    diversity: float | None,
    rules: tuple[tuple[tuple[str, Any], ...], ...],
    exclude_seen: bool,
) -> PostRanker | None:
    """The bundle's post-rankers with what a request asks for in its place among them.

    Where it asks for what was seen too, without the post-ranker that would drop it again.

    Raises:
        ConfigError: a rule is none, or two contradict each other.
    """
    if not exclude_seen and isinstance(usual, Pipeline):
        usual = Pipeline(step for step in usual if not isinstance(step, Seen))
    tables: Any = tuple(dict(rule) for rule in rules)
    return adjusted(usual, diversity, [Rules(rules=tables)] if rules else ())


class Drawing:
    """A post-ranker that keeps the propensities of what was drawn at random.

    Called like a post-ranker; it is none, so that nobody saves it.

    Attributes:
        propensities: for each block of queries ``[B, K]``, or None where nothing was drawn.
    """

    def __init__(self, postranker: PostRanker) -> None:
        self._postranker = postranker
        self.propensities: list[np.ndarray | None] = []

    def __call__(self, ranked: Ranked, context: Context) -> Ranked:
        """Apply the post-ranker and look at what it wrote down."""
        found = self._postranker(ranked, context)
        # Exploration comes last, and of several the last one decides.
        drawn = list(context.propensities.values())
        self.propensities.append(drawn[-1] if drawn else None)
        return found

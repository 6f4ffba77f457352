"""Boosts: post-rankers that change the score of items by what is known of them.

Each begins by moving the scores of a list to ``[0, 1]``, its best item having 1 and its worst 0,
so that the strength of a boost means the same whatever model the scores come from. The results are
the new scores, and the list is put in their order; equal ones keep theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking._scale import occurrences, relevance
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["AuthorDecay", "Fatigue", "Freshness", "PopularityDamping"]


@final
@dataclass(frozen=True, kw_only=True)
class Freshness(PostRanker):
    """Adds ``weight * 2^(-age / half_life)`` to the relevance in [0, 1].

    Items without a time are as if infinitely old, and are counted; one from the future has age 0.

    Args:
        column: the items' column of times: dates, datetimes, or numbers of seconds since 1970.
        now: the present, in seconds since 1970.
        half_life: the age in seconds at which half of the boost is left.
        weight: the boost of a brand-new item; negative to favour what is old.

    Raises:
        ConfigError: ``half_life`` is not positive, or a number is not finite.

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [7, 3], "time": [0, 86_400]})
    >>> pool = Ranked(np.array([[7, 3, 9]]), np.array([[3.0, 2.0, 0.0]]), np.ones((1, 3)))
    >>> context = Context(Queries.of(["anna"]), k=2, items=items)
    >>> list(Freshness(column="time", now=86_400, half_life=86_400, weight=1.0)(pool, context))
    [[(3, 1.6666666269302368), (7, 1.5), (9, 0.0)]]
    """

    column: str
    now: float
    half_life: float
    weight: float = 0.2
    name: ClassVar[str] = "freshness"
    stage: ClassVar[Stage] = Stage.SCORE

    def __post_init__(self) -> None:
        _check_finite(self.name, now=self.now, weight=self.weight)
        _check_positive(self.name, half_life=self.half_life)

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return "as what is fresh gains"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Add the boost and sort."""
        times = _numbers(self, ranked, context, self.column)
        ages = np.maximum(self.now - times, 0.0)
        fresh = np.where(np.isnan(ages), 0.0, np.exp2(-ages / self.half_life))
        return ranked.rescored(relevance(ranked) + self.weight * fresh)


@final
@dataclass(frozen=True, kw_only=True)
class PopularityDamping(PostRanker):
    """Takes ``weight * log(1 + count) / log(1 + largest count)`` from the relevance in [0, 1].

    The largest count is that of the whole items' table. Items without a count lose nothing, and are
    counted.

    Args:
        column: the items' column of counts, such as interactions; at least 0.
        weight: what the most popular item loses; negative to favour what is popular.

    Raises:
        ConfigError: ``weight`` is not finite.

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [7, 3], "count": [1000, 10]})
    >>> pool = Ranked(np.array([[7, 3, 9]]), np.array([[3.0, 2.0, 0.0]]), np.ones((1, 3)))
    >>> context = Context(Queries.of(["anna"]), k=2, items=items)
    >>> PopularityDamping(column="count", weight=1.0)(pool, context).lists()
    [[3, 7, 9]]
    """

    column: str
    weight: float = 0.2
    name: ClassVar[str] = "popularity_damping"
    stage: ClassVar[Stage] = Stage.SCORE

    def __post_init__(self) -> None:
        _check_finite(self.name, weight=self.weight)

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return "as what is popular loses"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Take the damping away and sort."""
        counts = np.maximum(_numbers(self, ranked, context, self.column), 0.0)
        largest = np.nanmax(np.append(context.table(self).numbers(self.column), 0.0))
        share = np.log1p(np.where(np.isnan(counts), 0.0, counts)) / max(np.log1p(largest), 1e-12)
        return ranked.rescored(relevance(ranked) - self.weight * share)


@final
@dataclass(frozen=True, kw_only=True)
class AuthorDecay(PostRanker):
    """Multiplies the relevance in [0, 1] by ``factor`` for each better item of the same author.

    The second item of an author counts ``factor``, the third ``factor^2`` and so on, in the order
    of the list. Items without an author stay as they are.

    Args:
        column: the items' column of authors, sellers or the like; the first value of a list.
        factor: in [0, 1].

    Raises:
        ConfigError: ``factor`` is not in [0, 1].

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [7, 3, 9], "author": ["a", "a", "b"]})
    >>> pool = Ranked(np.array([[7, 3, 9, 4]]), np.array([[4.0, 3.0, 2.0, 0.0]]), np.ones((1, 4)))
    >>> context = Context(Queries.of(["anna"]), k=2, items=items)
    >>> AuthorDecay(column="author", factor=0.5)(pool, context).lists()
    [[7, 9, 3, 4]]
    """

    column: str
    factor: float = 0.7
    name: ClassVar[str] = "author_decay"
    stage: ClassVar[Stage] = Stage.SCORE

    def __post_init__(self) -> None:
        if not 0 <= self.factor <= 1:
            raise ConfigError(f"{self.name} expected factor in [0, 1]; received {self.factor!r}.")

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"as items of the same {self.column} lose"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Multiply and sort."""
        table = context.table(self)
        codes = table.codes(self.column)[0][table.places(ranked.ids), 0]
        before = occurrences(np.where(ranked.valid, codes, -1))
        return ranked.rescored(relevance(ranked) * self.factor**before)


@final
@dataclass(frozen=True, kw_only=True)
class Fatigue(PostRanker):
    """Lowers what was served before: relevance in [0, 1] times ``factor^impressions``.

    An impression of age ``a`` counts ``2^(-a / half_life)``, so items recover. Needs
    ``Context.served``.

    Args:
        half_life: the age in seconds at which an impression counts half.
        factor: what one impression just now leaves of the relevance, in [0, 1].

    Raises:
        ConfigError: ``half_life`` is not positive or ``factor`` not in [0, 1].

    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([[7, 3, 9]]), np.array([[3.0, 2.0, 0.0]]), np.ones((1, 3)))
    >>> context = Context(Queries.of(["anna"]), k=2, served=[{7: [0.0]}])
    >>> Fatigue(half_life=3600, factor=0.5)(pool, context).lists()
    [[3, 7, 9]]
    """

    half_life: float
    factor: float = 0.7
    name: ClassVar[str] = "fatigue"
    stage: ClassVar[Stage] = Stage.SCORE

    def __post_init__(self) -> None:
        _check_positive(self.name, half_life=self.half_life)
        if not 0 <= self.factor <= 1:
            raise ConfigError(f"{self.name} expected factor in [0, 1]; received {self.factor!r}.")

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return "as what was served before loses"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Multiply and sort."""
        counts = np.array(
            [
                [sum(2.0 ** (-age / self.half_life) for age in mine) for mine in row]
                for row in context.ages(ranked, self)
            ]
        )
        return ranked.rescored(relevance(ranked) * self.factor**counts)


def _numbers(asker: PostRanker, ranked: Ranked, context: Context, column: str) -> np.ndarray:
    """A number for each place, NaN and counted where there is none."""
    table = context.table(asker)
    found = table.numbers(column)[table.places(ranked.ids)]
    missing = np.isnan(found) & ranked.valid
    if missing.any():
        context.counts[f"{asker.name}: items without {column}"] += int(missing.sum())
    return found


def _check_positive(name: str, **options: float) -> None:
    for option, value in options.items():
        if not (value > 0 and np.isfinite(value)):
            raise ConfigError(f"{name} expected a positive {option}; received {value!r}.")


def _check_finite(name: str, **options: float) -> None:
    for option, value in options.items():
        if not np.isfinite(value):
            raise ConfigError(f"{name} expected a finite {option}; received {value!r}.")

"""Post-rankers that take items out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["Blocked", "Eligible", "RecentlyServed", "Seen"]


@final
@dataclass(frozen=True, kw_only=True)
class Seen(PostRanker):
    """Takes out what each user has met: the items of ``queries.history`` and ``queries.exclude``.

    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([[7, 3, 9]]), np.array([[3.0, 2.0, 1.0]]), np.ones((1, 3)))
    >>> Seen()(pool, Context(Queries.of(["anna"], history=[[3]]), k=2)).lists()
    [[7, 9]]
    """

    name: ClassVar[str] = "seen"
    stage: ClassVar[Stage] = Stage.FILTER

    @property
    def summary(self) -> str:
        """Why items are taken out."""
        return "as it is among what the user has met"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Drop seen items and close the gaps."""
        queries = context.queries
        exclude = queries.exclude if queries.exclude is not None else [()] * len(queries)
        seen = [
            {*np.asarray(h).tolist(), *np.asarray(e).tolist()}
            for h, e in zip(queries.history, exclude, strict=True)
        ]
        rows = zip(ranked.ids.tolist(), seen, strict=True)
        # Sets, row by row: a few list items a user are found faster so than by sorting all ids.
        return ranked.keep(np.array([[i not in mine for i in ids] for ids, mine in rows]))


@final
@dataclass(frozen=True, kw_only=True)
class Blocked(PostRanker):
    """Takes out items that have one of some values of an attribute.

    Items that are not in the table, or have no value, stay, and are counted.

    Args:
        column: the attribute: a column of the items' table, plain or of lists.
        values: what is not to be shown.

    Raises:
        ConfigError: ``values`` is no list.

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [7, 3], "genres": [["Horror", "Comedy"], ["Drama"]]})
    >>> pool = Ranked(np.array([[7, 3]]), np.array([[2.0, 1.0]]), np.ones((1, 2)))
    >>> context = Context(Queries.of(["anna"]), k=2, items=items)
    >>> Blocked(column="genres", values=["Horror"])(pool, context).lists()
    [[3]]
    """

    column: str
    values: tuple[Any, ...]
    name: ClassVar[str] = "blocked"
    stage: ClassVar[Stage] = Stage.FILTER

    def __post_init__(self) -> None:
        given: object = self.values
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise ConfigError(f"Expected values to be a list, such as ['Horror']; got {given!r}.")
        object.__setattr__(self, "values", tuple(given))

    @property
    def summary(self) -> str:
        """Why items are taken out."""
        return f"as its {self.column} is blocked"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Drop blocked items and close the gaps."""
        table = context.table(self)
        codes, values = table.codes(self.column)
        mine = codes[table.places(ranked.ids)]
        blocked = np.array([value in self.values for value in values] + [False])
        nothing = (mine < 0).all(axis=2) & ranked.valid
        if nothing.any():
            context.counts[f"{self.name}: items without {self.column}"] += int(nothing.sum())
        return ranked.keep(~blocked[mine].any(axis=2))


@final
@dataclass(frozen=True, kw_only=True)
class Eligible(PostRanker):
    """Keeps the items that fulfil a condition on their attributes.

    Args:
        condition: in polars' SQL, on the columns of the items' table: ``"in_stock"``,
            ``"year >= 1990 AND brand <> 'acme'"``. Where it is null it is not fulfilled.
        unknown: what becomes of items that are not in the table: ``"drop"`` or ``"keep"``; they
            are counted.

    Raises:
        ConfigError: ``unknown`` is neither of the two.

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [7, 3, 9], "year": [1985, 1995, None]})
    >>> pool = Ranked(np.array([[7, 3, 9]]), np.array([[3.0, 2.0, 1.0]]), np.ones((1, 3)))
    >>> context = Context(Queries.of(["anna"]), k=2, items=items)
    >>> Eligible(condition="year >= 1990")(pool, context).lists()
    [[3]]
    """

    condition: str
    unknown: Literal["drop", "keep"] = "drop"
    name: ClassVar[str] = "eligible"
    stage: ClassVar[Stage] = Stage.FILTER

    def __post_init__(self) -> None:
        if self.unknown not in ("drop", "keep"):
            raise ConfigError(f"Expected unknown to be 'drop' or 'keep'; got {self.unknown!r}.")

    @property
    def summary(self) -> str:
        """Why items are taken out."""
        return f"as it is not so that {self.condition}"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Drop what is not eligible and close the gaps."""
        table = context.table(self)
        places = table.places(ranked.ids)
        unknown = (places < 0) & ranked.valid
        if unknown.any():
            context.counts[f"{self.name}: unknown items"] += int(unknown.sum())
        # The last entry is for unknown items, whose place is -1.
        return ranked.keep(np.append(table.mask(self.condition), self.unknown == "keep")[places])


@final
@dataclass(frozen=True, kw_only=True)
class RecentlyServed(PostRanker):
    """Takes out what was served to the user within a span of time; needs ``Context.served``.

    Args:
        seconds: the span.

    Raises:
        ConfigError: ``seconds`` is not positive.

    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([[7, 3]]), np.array([[2.0, 1.0]]), np.ones((1, 2)))
    >>> context = Context(Queries.of(["anna"]), k=2, served=[{7: [30.0], 3: [9000.0]}])
    >>> RecentlyServed(seconds=3600)(pool, context).lists()
    [[3]]
    """

    seconds: float
    name: ClassVar[str] = "recently_served"
    stage: ClassVar[Stage] = Stage.FILTER

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ConfigError(f"Expected a positive number of seconds; received {self.seconds!r}.")

    @property
    def summary(self) -> str:
        """Why items are taken out."""
        return f"as it was served within {self.seconds:g} seconds"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Drop what was served of late and close the gaps."""
        ages = context.ages(ranked, self)
        return ranked.keep(
            np.array([[min(mine, default=np.inf) > self.seconds for mine in row] for row in ages])
        )

"""Post-rankers that take items out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.ranked import Ranked

__all__ = ["Blocked", "Seen"]


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
        object.__setattr__(self, "values", tuple(self.values))

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

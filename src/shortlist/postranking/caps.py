"""`AttributeCap`: not too much of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from shortlist.errors import ConfigError
from shortlist.index.base import check_k
from shortlist.postranking._keeping import MANY, down_each, down_together
from shortlist.postranking._scale import occurrences
from shortlist.postranking.base import Context, PostRanker, Stage
from shortlist.postranking.items import ItemTable
from shortlist.ranked import Ranked

__all__ = ["AttributeCap"]


@final
@dataclass(frozen=True, kw_only=True)
class AttributeCap(PostRanker):
    """Keeps at most ``at_most`` items of each value of an attribute, such as a genre or a seller.

    Goes down each list and keeps an item if none of its values has been kept ``at_most`` times
    yet. What is skipped comes after everything that was kept, in its order, so a list is as long as
    before and the cap gives way only where the pool holds nothing else (``skipped="demote"``), or
    is dropped (``skipped="drop"``). Lists with fewer than ``context.k`` kept items are counted.
    With one value an item no list could keep more; with several, another choice sometimes could.

    Items that are not in the table, or have no value, are always kept, and are counted.

    Args:
        column: the attribute: a column of the items' table, plain or of lists.
        at_most: how many items of a value are kept.
        skipped: what becomes of the others: ``"demote"`` or ``"drop"``.

    Raises:
        ConfigError: ``at_most`` is not a positive integer or ``skipped`` neither of the two.

    >>> import polars as pl
    >>> from shortlist.queries import Queries
    >>> items = pl.DataFrame({"item": [1, 2, 3, 4], "genre": ["a", "a", "a", "b"]})
    >>> pool = Ranked(np.array([[1, 2, 3, 4]]), np.array([[4.0, 3.0, 2.0, 1.0]]), np.ones((1, 4)))
    >>> context = Context(Queries.of(["anna"]), k=3, items=items)
    >>> AttributeCap(column="genre", at_most=2)(pool, context).lists()
    [[1, 2, 4, 3]]
    """

    column: str
    at_most: int
    skipped: Literal["demote", "drop"] = "demote"
    name: ClassVar[str] = "attribute_cap"
    stage: ClassVar[Stage] = Stage.RULE

    def __post_init__(self) -> None:
        check_k(self.at_most)
        if self.skipped not in ("demote", "drop"):
            raise ConfigError(f"Expected skipped to be 'demote' or 'drop'; got {self.skipped!r}.")

    @property
    def summary(self) -> str:
        """Why items are moved."""
        return f"as at most {self.at_most} of each {self.column} come first"

    def apply(self, ranked: Ranked, context: Context) -> Ranked:
        """Keep what the cap allows and demote or drop the rest."""
        table = context.table(self)
        codes, values = table.codes(self.column)
        places = table.places(ranked.ids)
        # Codes are in front of what fills their row up.
        nothing = (codes[:, 0] < 0)[places] & ranked.valid
        if nothing.any():
            context.counts[f"{self.name}: items without {self.column}"] += int(nothing.sum())
        kept = self._kept(places, ranked.valid, table)
        short = kept.sum(axis=1) < np.minimum(context.k, ranked.valid.sum(axis=1))
        if short.any():
            context.counts[f"{self.name}: lists the cap leaves too few for"] += int(short.sum())
        if context.trace is not None:
            self._say(ranked, kept, codes[places], values, context)
        if self.skipped == "drop":
            return ranked.keep(kept)
        # In bytes, of which NumPy sorts many at once.
        order = 2 - ranked.valid.astype(np.int8) - kept
        return ranked.take(np.argsort(order, axis=1, kind="stable"))

    def _kept(self, places: np.ndarray, valid: np.ndarray, table: ItemTable) -> np.ndarray:
        """Which items ``[B, P]`` are kept."""
        codes, values = table.codes(self.column)
        if codes.shape[1] == 1:
            before = occurrences(np.where(valid, codes[places, 0], -1))
            return (before < self.at_most) & valid
        if len(places) < MANY:
            return down_each(places, valid, table.sets(self.column), self.at_most)
        return down_together(places, valid, codes, len(values), self.at_most)

    def _say(
        self,
        ranked: Ranked,
        kept: np.ndarray,
        codes: np.ndarray,
        values: list[Any],
        context: Context,
    ) -> None:
        for row, column in np.argwhere(ranked.valid & ~kept):
            mine = [values[code] for code in codes[row, column] if code >= 0]
            named = ", ".join(map(str, mine))
            item = ranked.ids[row, [column]].tolist()[0]
            reason = f"as at most {self.at_most} of each {self.column} come first ({named})"
            if context.trace is not None:
                context.trace.say(int(row), item, reason)

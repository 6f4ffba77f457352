"""`Trace`: why each item stands where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shortlist.ranked import Ranked

__all__ = ["Move", "Step", "Trace"]


@dataclass(frozen=True)
class Move:
    """One step changed the place of one item.

    Attributes:
        step: the name of the post-ranker.
        item: the item's id.
        before: its place before the step, from 0; None if it was not in the list.
        after: its place after the step; None if it was dropped.
        reason: why, in words.
    """

    step: str
    item: Any
    before: int | None
    after: int | None
    reason: str


@dataclass(eq=False)
class Step:
    """What one post-ranker was given and what it made of it."""

    name: str
    summary: str
    before: Ranked
    after: Ranked
    reasons: dict[tuple[int, Any], str] = field(default_factory=dict)

    def moves(self, row: int) -> list[Move]:
        """The items of list ``row`` that the step moved, by their place before."""
        before, after = (ranked.lists()[row] for ranked in (self.before, self.after))
        old, new = ({item: p for p, item in enumerate(items)} for items in (before, after))
        return [
            Move(
                self.name,
                item,
                old.get(item),
                new.get(item),
                self.reasons.get((row, item), self.summary),
            )
            for item in dict.fromkeys([*before, *after])
            if old.get(item) != new.get(item)
        ]


class Trace:
    """Collects what post-rankers do when it is given to them in a `Context`.

    >>> import numpy as np
    >>> from shortlist.postranking import Context, Seen
    >>> from shortlist.queries import Queries
    >>> pool = Ranked(np.array([["a", "b"]]), np.array([[2.0, 1.0]]), np.ones((1, 2)))
    >>> trace = Trace()
    >>> queries = Queries.of(["anna"], history=[["a"]])
    >>> Seen()(pool, Context(queries, k=1, trace=trace)).lists()
    [['b']]
    >>> print(trace.explain(0, "a"))
    seen: from place 1 to nowhere, as it is among what the user has met
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def begin(self, name: str, summary: str, ranked: Ranked) -> Step:
        """Note that a step begins; it sets ``after`` when it is done."""
        step = Step(name, summary, ranked, ranked)
        self.steps.append(step)
        return step

    def say(self, row: int, item: Any, reason: str) -> None:
        """Give the present step's reason for what it does to one item."""
        self.steps[-1].reasons[row, item] = reason

    def moves(self, row: int) -> list[Move]:
        """Everything that was done to list ``row``, step by step."""
        return [move for step in self.steps for move in step.moves(row)]

    def explain(self, row: int, item: Any) -> str:
        """What was done to one item of list ``row``, a line for each step that moved it."""
        return "\n".join(
            f"{move.step}: from {_place(move.before)} to {_place(move.after)}, {move.reason}"
            for move in self.moves(row)
            if move.item == item
        )


def _place(place: int | None) -> str:
    return "nowhere" if place is None else f"place {place + 1}"

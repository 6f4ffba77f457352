"""What each stage said of the items of a list, ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shortlist.ranked import Ranked
from shortlist.serving.stages import Notes

__all__ = ["explanations"]


def explanations(notes: Notes, row: int, items: Sequence[Any]) -> list[dict[str, Any]]:
    """For each of ``items`` of list ``row``: places and scores of the stages, and the moves."""
    retrieved, ranked = _places(notes.retrieved, row), _places(notes.ranked, row)
    moves: dict[Any, list[dict[str, Any]]] = {}
    trace = None if notes.context is None else notes.context.trace
    for move in [] if trace is None else trace.moves(row):
        moves.setdefault(move.item, []).append(
            {
                "step": move.step,
                "before": _from_one(move.before),
                "after": _from_one(move.after),
                "reason": move.reason,
            }
        )
    return [
        {
            "retrieval": retrieved.get(item),
            "ranking": ranked.get(item),
            "moves": moves.get(item, []),
        }
        for item in items
    ]


def _places(ranked: Ranked | None, row: int) -> dict[Any, dict[str, Any]]:
    if ranked is None:
        return {}
    [pairs] = ranked.rows(row, row + 1)
    return {item: {"place": n, "score": score} for n, (item, score) in enumerate(pairs, 1)}


def _from_one(place: int | None) -> int | None:
    return None if place is None else place + 1

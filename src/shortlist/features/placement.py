"""Where the rows of a table lie when a program runs on many devices.

One rule for training, which lays the tables out, and for the plan that says so beforehand.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["MIN_ROWS", "Placement", "placement", "split_axis"]

#: Tables with fewer rows are kept whole on each device: they are small beside what a step moves.
MIN_ROWS = 100_000

Placement = Literal["whole", "rows", "columns"]


def split_axis(shape: tuple[int, ...], shards: int, min_rows: int = MIN_ROWS) -> int | None:
    """The axis of a variable that is divided among ``shards`` devices; None keeps it whole.

    A table of at least ``min_rows`` rows is split by rows where they divide evenly, else by columns
    where those do.

    >>> split_axis((1_000_000, 64), 8), split_axis((1_000_001, 64), 8), split_axis((64, 64), 8)
    (0, 1, None)
    """
    if not shape or shape[0] < min_rows or shards == 1:
        return None
    return next((axis for axis, size in enumerate(shape[:2]) if size % shards == 0), None)


def placement(shape: tuple[int, ...], shards: int, min_rows: int = MIN_ROWS) -> Placement:
    """What `split_axis` means, in a word.

    >>> placement((1_000_001, 64), 8)
    'columns'
    """
    axis = split_axis(shape, shards, min_rows)
    return "whole" if axis is None else ("rows", "columns")[axis]

"""Facts and recommendations as a person likes to read them. Numbers are rounded here only."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["nearby", "readable", "show_facts", "show_recommendations"]

# Whole numbers between these are taken for seconds since 1970: the years from 1973 to 2100.
_FIRST, _LAST = 100_000_000, 4_102_444_800


def show_facts(console: Console, facts: Mapping[str, Any]) -> None:
    """One line a fact."""
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        is_time = name.endswith("_time") and isinstance(value, int) and _FIRST < value < _LAST
        table.add_row(name.replace("_", " "), _moment(value) if is_time else readable(value))
    console.print(table)


def show_recommendations(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """A row an item, best first: place, score, id and title."""
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for place, row in enumerate(rows, start=1):
        table.add_row(f"{place:>2}.", f"{row['score']:.3f}", str(row["item"]), row["title"])
    console.print(table)


def nearby(path: Path) -> Path:
    """``path`` as one would type it here: relative where it lies below the working directory."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def readable(value: Any) -> str:
    """A value with its digits grouped, or rounded to four of them.

    >>> readable(100000), readable(0.0630467), readable("u1"), readable(None)
    ('100,000', '0.06305', 'u1', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _moment(seconds: int) -> str:
    """A moment in UTC.

    >>> _moment(874724710)
    '1997-09-20 03:05 UTC'
    """
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M} UTC"

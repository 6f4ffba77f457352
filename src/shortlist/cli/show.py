"""Tables for people: facts of the data, metrics, recommendations. Numbers are rounded here only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["number", "show_facts", "show_metrics", "show_recommendations"]


def show_facts(console: Console, facts: Mapping[str, Any]) -> None:
    """One line a fact."""
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), number(value))
    console.print(table)


def show_metrics(console: Console, metrics: Mapping[str, Mapping[str, float]]) -> None:
    """A row a recommender, a column a metric; the best of each column is bold."""
    from rich.table import Table
    from rich.text import Text

    columns = list(dict.fromkeys(name for row in metrics.values() for name in row))
    best = {c: max((row[c] for row in metrics.values() if c in row), default=0) for c in columns}
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    for name, row in metrics.items():
        cells = [
            Text(f"{row[c]:.4f}", style="bold" if row[c] == best[c] else "") if c in row else "—"
            for c in columns
        ]
        table.add_row(name, *cells)
    console.print(table)


def show_recommendations(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """A row an item, best first: place, score, id and title."""
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for place, row in enumerate(rows, start=1):
        table.add_row(f"{place:>2}.", f"{row['score']:.3f}", str(row["item"]), row["title"])
    console.print(table)


def number(value: Any) -> str:
    """A value as a person likes to read it.

    >>> number(100000), number(0.0630467), number("u1"), number(True)
    ('100,000', '0.06305', 'u1', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

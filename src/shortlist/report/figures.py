"""Small figures as SVG: lines, points and intervals, legible on white and on dark pages.

>>> drawn = lines("Recall", "k", "recall", [Series("ours", [1, 10], [0.1, 0.3])])
>>> drawn.startswith("<svg"), drawn.count("<polyline"), ">ours<" in drawn
(True, 1, True)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from shortlist.errors import DataError
from shortlist.report.axes import Axis

__all__ = ["Interval", "Series", "intervals", "lines", "scatter"]

Ticks = Literal["round", "values", "powers"]

_WIDTH, _HEIGHT = 480, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 28, 40, 48
_KEY, _ROW = 130, 26
# The room that a label needs of its own, in pixels.
_ROOM = 20
# Told apart by people with any kind of colour vision (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#000000")
_DASHES = ("", "6 3", "2 3")


@dataclass(frozen=True)
class Series:
    """Points of one name, in the order in which they are joined.

    Attributes:
        name: stands in the key; a single series without one needs none.
        x, y: where each point is.
        labels: what is written beside each point; none by default.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Interval:
    """A value and how far it is sure."""

    name: str
    value: float
    low: float
    high: float


def lines(
    title: str, x_name: str, y_name: str, series: Sequence[Series], *, x_ticks: Ticks = "round"
) -> str:
    """A line a series, a whole SVG document.

    Args:
        title: what stands above.
        x_name: what goes to the right.
        y_name: what goes up.
        series: at least one point in all; those with a value that is no number are left out.
        x_ticks: what is written along x: "round" numbers; the "values" themselves, equal factors
            apart, as fits cut-offs; or "powers" of ten, for values above 0 that span several.

    Raises:
        DataError: there is no point.
    """
    return _points(title, x_name, y_name, series, joined=True, x_ticks=x_ticks)


def scatter(title: str, x_name: str, y_name: str, series: Sequence[Series]) -> str:
    """The same points as `lines`, not joined."""
    return _points(title, x_name, y_name, series, joined=False, x_ticks="round")


def intervals(title: str, x_name: str, rows: Sequence[Interval]) -> str:
    """A row for each value with a bar from its low to its high end, a whole SVG document.

    Raises:
        DataError: there is no row whose values are numbers.
    """
    rows = [row for row in rows if all(map(math.isfinite, (row.value, row.low, row.high)))]
    if not rows:
        raise DataError(f"The figure {title!r} expected at least one interval; there is none.")
    height = _TOP + _ROW * len(rows) + _BOTTOM
    left = _LEFT + _KEY // 2
    axis = Axis.of(
        x_name, [end for row in rows for end in (row.low, row.high)], left, _WIDTH - _RIGHT
    )
    parts = _begin(title, _WIDTH, height) + _across(axis, height)
    for place, row in enumerate(rows):
        y = _TOP + _ROW * (place + 0.5)
        low, high, at = axis.at(row.low), axis.at(row.high), axis.at(row.value)
        parts.append(_text(left - 8, y + 4, row.name, "end"))
        parts.append(f'<path d="M{low:.1f} {y:.1f}H{high:.1f}" stroke="#0072b2" stroke-width="3"/>')
        parts.append(
            f'<circle cx="{at:.1f}" cy="{y:.1f}" r="4.5" fill="#0072b2"><title>{escape(row.name)}: '
            f"{row.value:.4f} ({row.low:.4f} to {row.high:.4f})</title></circle>"
        )
    return _end(parts)


def _points(
    title: str, x_name: str, y_name: str, series: Sequence[Series], *, joined: bool, x_ticks: Ticks
) -> str:
    series = [known for one in series if (known := _known(one)).x]
    if not series:
        raise DataError(f"The figure {title!r} expected at least one point; there is none.")
    keyed = any(one.name for one in series)
    width = _WIDTH + (_KEY if keyed else 0)
    make = {"round": Axis.of, "values": Axis.at_values, "powers": Axis.at_powers}[x_ticks]
    x_axis = make(x_name, [x for one in series for x in one.x], _LEFT, _WIDTH - _RIGHT)
    y_axis = Axis.of(y_name, [y for one in series for y in one.y], _HEIGHT - _BOTTOM, _TOP)
    parts = _begin(title, width, _HEIGHT) + _across(x_axis, _HEIGHT) + _upwards(y_axis)
    labelled: list[tuple[float, float]] = []
    for number, one in enumerate(series):
        colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number // len(_COLOURS) % 3]
        places = [(x_axis.at(x), y_axis.at(y)) for x, y in zip(one.x, one.y, strict=True)]
        if joined:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
                f'stroke-dasharray="{dash}"/>'
            )
        parts += _dots(one, places, colour)
        for (x, y), label in zip(places, one.labels, strict=False):
            # A label that would lie upon another is left out.
            if all(math.dist((x, y), other) >= _ROOM for other in labelled):
                labelled.append((x, y))
                parts.append(_text(x + 6, y - 6, label, "start"))
        if keyed:
            y = _TOP + 6 + 18 * number
            parts.append(f'<circle cx="{_WIDTH - 6}" cy="{y}" r="5" fill="{colour}"/>')
            parts.append(_text(_WIDTH + 4, y + 4, one.name, "start"))
    return _end(parts)


def _known(series: Series) -> Series:
    """Without the points that are no numbers."""
    pairs = enumerate(zip(series.x, series.y, strict=True))
    kept = [place for place, pair in pairs if all(map(math.isfinite, pair))]
    labels = [series.labels[place] for place in kept] if series.labels else []
    return Series(series.name, [series.x[p] for p in kept], [series.y[p] for p in kept], labels)


def _dots(series: Series, places: Sequence[tuple[float, float]], colour: str) -> list[str]:
    return [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}">'
        f"<title>{escape(series.name)} {a:.4g}, {b:.4g}</title></circle>"
        for (x, y), a, b in zip(places, series.x, series.y, strict=True)
    ]


def _begin(title: str, width: int, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]


def _across(axis: Axis, height: int) -> list[str]:
    """Lines upwards, with what is written along the lower side."""
    parts = []
    for value in axis.ticks:
        x = axis.at(value)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{height - _BOTTOM}" stroke="#ddd"/>')
        parts.append(_text(x, height - _BOTTOM + 16, f"{value:g}", "middle"))
    return [*parts, _text((axis.begin + axis.end) / 2, height - 10, axis.name, "middle")]


def _upwards(axis: Axis) -> list[str]:
    """Lines to the right, with what is written along the left side."""
    parts = []
    for value in axis.ticks:
        y = axis.at(value)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{value:g}", "end"))
    middle = (_TOP + _HEIGHT - _BOTTOM) // 2
    parts.append(
        f'<text transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(axis.name)}</text>"
    )
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _end(parts: Sequence[str]) -> str:
    return "\n".join([*parts, "</svg>", ""])

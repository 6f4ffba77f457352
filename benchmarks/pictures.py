"""Small line pictures as SVG, with a label at each point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Series", "picture"]

_WIDTH, _HEIGHT = 480, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 28, 40, 48
# The room that a label needs of its own, in pixels.
_ROOM = 20


@dataclass(frozen=True)
class Series:
    """Points in the order in which they are joined."""

    x: Sequence[float]
    y: Sequence[float]
    labels: Sequence[str]


def picture(title: str, x_name: str, y_name: str, series: Series) -> str:
    """One line of labelled points, as a whole SVG document.

    Legible on white and on dark pages: the ground is white whatever the page is.
    """
    x_ticks, y_ticks = _ticks(series.x), _ticks(series.y)
    to_x = _scale(x_ticks, _LEFT, _WIDTH - _RIGHT)
    to_y = _scale(y_ticks, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    parts.extend(_grid(x_ticks, to_x, x_name, y_ticks, to_y, y_name))
    places = [(to_x(x), to_y(y)) for x, y in zip(series.x, series.y, strict=True)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1f6feb" stroke-width="2"/>')
    parts.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#1f6feb"/>' for x, y in places)
    labelled: list[tuple[float, float]] = []
    for (x, y), label in zip(places, series.labels, strict=True):
        # A label that would lie upon another is left out.
        if all(math.dist((x, y), other) >= _ROOM for other in labelled):
            labelled.append((x, y))
            parts.append(_text(f"{x + 6:.1f}", f"{y - 6:.1f}", label, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _grid(
    x_ticks: Sequence[float],
    to_x: Callable[[float], float],
    x_name: str,
    y_ticks: Sequence[float],
    to_y: Callable[[float], float],
    y_name: str,
) -> list[str]:
    """The lines behind the points, and what is written along both sides."""
    parts = []
    for value in x_ticks:
        x = f"{to_x(value):.1f}"
        parts.append(f'<path d="M{x} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#ddd"/>')
        parts.append(_text(x, _HEIGHT - _BOTTOM + 16, f"{value:g}", "middle"))
    for value in y_ticks:
        y = to_y(value)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 6, f"{y + 4:.1f}", f"{value:g}", "end"))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) // 2, _HEIGHT - 10, x_name, "middle"))
    parts.append(
        f'<text transform="translate(16 {(_TOP + _HEIGHT - _BOTTOM) // 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(y_name)}</text>'
    )
    return parts


def _text(x: object, y: object, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _ticks(values: Sequence[float]) -> list[float]:
    """Four to nine round numbers from below the least to above the greatest."""
    low, high = min(values), max(values)
    span = max(high - low, 1e-6)
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (factor * step) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 9) for number in range(first, max(last, first + 1) + 1)]


def _scale(ticks: Sequence[float], begin: float, end: float) -> Callable[[float], float]:
    """From values to pixels."""
    low, high = ticks[0], ticks[-1]
    return lambda value: begin + (value - low) / (high - low) * (end - begin)

"""The curve of recall against time, as a standalone SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

__all__ = ["svg"]

_WIDTH, _HEIGHT = 720, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 170, 30, 60
# Told apart by people with any kind of colour vision (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def svg(curves: Mapping[str, Sequence[tuple[float, float]]], title: str) -> str:
    """Draw one line for each engine.

    Args:
        curves: name -> ``(milliseconds, recall)``; time is drawn on a logarithmic scale.
        title: what stands above.

    >>> picture = svg({"exact": [(10.0, 1.0)], "faiss": [(0.1, 0.8), (0.5, 0.99)]}, "100 items")
    >>> picture.startswith("<svg"), picture.count("<circle"), "faiss" in picture
    (True, 3, True)
    """
    points = [point for curve in curves.values() for point in curve]
    powers = [math.log10(max(1e-6, time)) for time, _ in points]
    low = math.floor(min(powers))
    high = max(low + 1, math.ceil(max(powers)))
    floor = math.floor(min(0.95, *(y for _, y in points)) * 20) / 20

    def x(value: float) -> float:
        share = (math.log10(max(1e-6, value)) - low) / (high - low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (1 - value) / (1 - floor) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 18, title, "start"),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 15, "milliseconds a query", "middle"),
    ]
    for power in range(low, high + 1):
        parts.append(_line(x(10**power), _TOP, x(10**power), _HEIGHT - _BOTTOM, "#ddd"))
        parts.append(_text(x(10**power), _HEIGHT - _BOTTOM + 18, f"{10.0**power:g}", "middle"))
    for step in range(6):
        value = floor + (1 - floor) * step / 5
        parts.append(_line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), "#ddd"))
        parts.append(_text(_LEFT - 8, y(value) + 4, f"{value:.3g}", "end"))
    parts.append(_text(_LEFT - 55, _TOP - 12, "recall", "start"))
    for place, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in curve)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="4" fill="{colour}">'
            f"<title>{escape(name)}: {a:.3g} ms, recall {b:.4f}</title></circle>"
            for a, b in curve
        ]
        at = _TOP + 10 + 20 * place
        parts.append(_line(_WIDTH - _RIGHT + 14, at, _WIDTH - _RIGHT + 30, at, colour, 3))
        parts.append(_text(_WIDTH - _RIGHT + 36, at + 4, name, "start"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'

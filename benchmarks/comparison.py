"""What a benchmark says: one `Line` for each case, and all of them as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.processes import Measured

__all__ = ["Line", "compared", "table"]


@dataclass(frozen=True)
class Line:
    """One case.

    Attributes:
        benchmark, case: their names.
        ours, theirs: what was measured, in ``unit``.
        peer: the name of the other side.
        unit: such as ``"s of CPU a step"``.
        at_most: the ratio that must not be exceeded, or None where there is no such bar.
        at_least: the value of ``ours`` that must be reached, likewise.
        below: the value of ``ours`` that must not be exceeded, likewise.
        details: more of both sides: wall time, peak memory, accuracies.
        versions: of what both sides run on.
    """

    benchmark: str
    case: str
    ours: float
    peer: str
    theirs: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    below: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """``ours / theirs``."""
        return self.ours / self.theirs if self.theirs else float("inf")

    @property
    def holds(self) -> bool | None:
        """Whether the bar is reached; None where there is none."""
        checks = [
            self.at_most is None or self.ratio <= self.at_most,
            self.at_least is None or self.ours >= self.at_least,
            self.below is None or self.ours <= self.below,
        ]
        return all(checks) if {self.at_most, self.at_least, self.below} != {None} else None

    def json(self) -> str:
        """One line of JSON."""
        return json.dumps(
            {
                "benchmark": self.benchmark,
                "case": self.case,
                "ours": _short(self.ours),
                "peer": self.peer,
                "theirs": _short(self.theirs),
                "ratio": _short(self.ratio),
                "unit": self.unit,
                "at_most": self.at_most,
                "at_least": self.at_least,
                "below": self.below,
                "holds": self.holds,
                **{name: _short(value) for name, value in self.details.items()},
                "versions": self.versions,
            }
        )


def compared(
    benchmark: str,
    case: str,
    ours: Measured,
    peer: str,
    theirs: Measured,
    *,
    unit: str,
    per: float = 1.0,
    at_most: float | None = None,
    details: Mapping[str, Any] | None = None,
) -> Line:
    """The line of two sides that were measured in turn; times are divided by ``per``."""
    return Line(
        benchmark,
        case,
        ours.cpu / per,
        peer,
        theirs.cpu / per,
        unit,
        at_most=at_most,
        details={
            "ours_wall": ours.wall / per,
            "theirs_wall": theirs.wall / per,
            "ours_peak_mb": ours.peak,
            "theirs_peak_mb": theirs.peak,
            **(details or {}),
        },
        versions={"ours": ours.versions, "theirs": theirs.versions},
    )


def table(lines: Sequence[Line]) -> str:
    """The lines as plain text, one row each."""
    head = ("case", "ours", "peer", "theirs", "ratio", "bar", "", "peak MB", "theirs", "unit")
    rows = [head, *map(_row, lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    text = {0, 2, 6, 9}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in text else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(line: Line) -> tuple[str, ...]:
    bars = {"ratio <=": line.at_most, "ours >=": line.at_least, "ours <=": line.below}
    peaks = (line.details.get("ours_peak_mb"), line.details.get("theirs_peak_mb"))
    return (
        line.case,
        f"{line.ours:.4g}",
        line.peer,
        f"{line.theirs:.4g}",
        f"{line.ratio:.3f}",
        " ".join(f"{sign} {bar:g}" for sign, bar in bars.items() if bar is not None),
        {None: "", True: "holds", False: "MISSED"}[line.holds],
        *("" if peak is None else f"{peak:.0f}" for peak in peaks),
        line.unit,
    )


def _short(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value

"""500 candidates of one user from columns to an order: DCNv2 in ONNX Runtime, against Keras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.comparison import Line
from benchmarks.processes import interleave
from benchmarks.settings import Settings

__all__ = ["run"]

_BAR_MILLISECONDS = 3.0


def run(settings: Settings) -> Iterator[Line]:
    """The median time of a request on one core, as served and with all columns encoded anew."""
    backend = settings.backends[0]
    for how in ("", ", all columns anew"):
        case = f"500 candidates, DCNv2, 1 core{how}"
        if settings.wants(case):
            yield _line(settings, case, backend, anew=bool(how))


def _line(settings: Settings, case: str, backend: str, *, anew: bool) -> Line:
    requests = 5 if settings.quick else 200
    ours, theirs = (
        settings.ours(engine, "rank_serve.py", backend, engine=engine, requests=requests, anew=anew)
        for engine in ("onnx", "keras")
    )
    theirs = replace(theirs, name=f"Keras on {backend}")
    measured = interleave([ours, theirs], settings.cores[0][:1], rounds=1)
    found, others = measured[ours.name].found, measured[theirs.name].found
    return Line(
        "rank-serve",
        case,
        found["p50"],
        theirs.name,
        others["p50"],
        "ms, p50",
        below=_BAR_MILLISECONDS,
        details={
            "ours_p99": found["p99"],
            "theirs_p99": others["p99"],
            "ours_encode": found["encode"],
        },
        versions={"ours": measured[ours.name].versions},
    )

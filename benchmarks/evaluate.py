"""Top-k accuracy against the whole catalogue: against TFRS' FactorizedTopK and a bare product."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparison import Line, compared
from benchmarks.processes import Measured, Side, interleave
from benchmarks.settings import Settings, on

__all__ = ["run"]

_UNIT = "s of CPU"
# One core: at most this much of TFRS, and of the products of 1,000 queries with 1M candidates.
_BAR_TFRS, _BAR_PRODUCT = 1 / 50, 1.6


def run(settings: Settings) -> Iterator[Line]:
    """A whole evaluation of a small catalogue, then of a large one."""
    for cores in settings.cores:
        yield from _small(settings, cores)
    for cores in settings.cores:
        yield from _large(settings, cores)


def _small(settings: Settings, cores: tuple[int, ...]) -> Iterator[Line]:
    queries, items = (500, 300) if settings.quick else (20_000, 1682)
    told = _vectors(settings.folder / "small", queries, items) | {"batch": 4096}
    yield from _against(settings, "20,000 x 1,682", told, cores, {"TFRS": _BAR_TFRS})


def _large(settings: Settings, cores: tuple[int, ...]) -> Iterator[Line]:
    queries, items = (100, 20_000) if settings.quick else (1000, 1_000_000)
    told = _vectors(settings.folder / "large", queries, items) | {"batch": 1000}
    bars = {"TFRS": None, "sgemm": _BAR_PRODUCT}
    yield from _against(settings, "1,000 x 1M", told, cores, bars)


def _against(
    settings: Settings,
    size: str,
    told: dict[str, Any],
    cores: tuple[int, ...],
    bars: dict[str, float | None],
) -> Iterator[Line]:
    """Ours on NumPy and on each backend, against every peer that has an entry in ``bars``."""
    ours = {
        name: f"{size}, {name}, {on(cores)}"
        for name in ("numpy", *settings.backends)
        if settings.wants(f"{size}, {name}, {on(cores)}")
    }
    if not ours:
        return
    sides: list[Side] = [settings.tfrs("evaluate_tfrs.py", **told)]
    if "sgemm" in bars:
        sides.append(Side("sgemm", "evaluate_product.py", told))
    for name, case in ours.items():
        if name == "numpy":
            sides.append(Side(case, "evaluate_numpy.py", told))
        else:
            sides.append(settings.ours(case, "evaluate_ours.py", name, **told))
    measured = interleave(sides, cores, settings.count(5))
    for case in ours.values():
        for peer, bar in bars.items():
            yield compared(
                "evaluate",
                case,
                measured[case],
                peer,
                measured[peer],
                unit=_UNIT,
                at_most=bar if len(cores) == 1 else None,
                details=_accuracies(measured[case], measured[peer]),
            )


def _accuracies(ours: Measured, theirs: Measured) -> dict[str, float]:
    sides = {"ours_top_100": ours, "theirs_top_100": theirs}
    return {name: side.found["100"] for name, side in sides.items() if "100" in side.found}


def _vectors(folder: Path, queries: int, items: int, dim: int = 64) -> dict[str, Any]:
    """Random embeddings of queries and candidates, and the candidate that is true of each query."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    candidates = random.normal(size=(items, dim)).astype(np.float32)
    truth = random.integers(0, items, queries).astype(np.int32)
    # The true candidate is somewhat nearer than chance, so that the accuracies say something.
    asked = random.normal(size=(queries, dim)) + 0.2 * candidates[truth]
    np.save(folder / "candidates.npy", candidates)
    np.save(folder / "queries.npy", asked.astype(np.float32))
    np.save(folder / "truth.npy", truth)
    return {"folder": str(folder)}

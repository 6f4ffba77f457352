"""The whole TFRS quickstart: three epochs with the metric on, an index, a query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.comparison import Line, compared
from benchmarks.processes import Side, interleave
from benchmarks.settings import Settings, on

__all__ = ["run"]

_UNIT = "s of CPU"
_BAR = 0.1
_CLASSIC = "the same program, tensorflow"


def run(settings: Settings) -> Iterator[Line]:
    """The same program on our ``tfrs`` names, and what a program of ours would do instead."""
    told = _strings(settings)
    for cores in settings.cores:
        names = [*([_CLASSIC] if "tensorflow" in settings.backends else [])]
        names += [f"written for us, {backend}" for backend in settings.backends]
        cases = [f"{name}, {on(cores)}" for name in names]
        cases = [case for case in cases if settings.wants(case)]
        if not cases:
            continue
        sides = [settings.tfrs("tutorial_tfrs.py", **told)]
        sides += [_ours(settings, case, told) for case in cases]
        measured = interleave(sides, cores, settings.count(3))
        theirs = measured["TFRS"]
        for case in cases:
            ours = measured[case]
            yield compared(
                "tutorial",
                case,
                ours,
                "TFRS",
                theirs,
                unit=_UNIT,
                at_most=_BAR if len(cores) == 1 else None,
                details={
                    **{f"ours_{name}": value for name, value in ours.found.items()},
                    **{f"theirs_{name}": value for name, value in theirs.found.items()},
                },
            )


def _ours(settings: Settings, case: str, told: dict[str, Any]) -> Side:
    if case.startswith(_CLASSIC):
        return settings.ours(case, "tutorial_classic.py", "tensorflow", **told)
    return settings.ours(case, "tutorial_ours.py", case.split(", ")[1], **told)


def _strings(settings: Settings) -> dict[str, Any]:
    users, titles = data.movielens_strings()
    count = 4000 if settings.quick else len(users)
    np.save(settings.folder / "users.npy", users[:count])
    np.save(settings.folder / "titles.npy", titles[:count])
    return {"folder": str(settings.folder), "epochs": 1 if settings.quick else 3}

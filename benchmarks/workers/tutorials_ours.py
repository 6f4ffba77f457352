"""Ours: one of the programs in ``examples/tfrs``, as it is."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from bench import serve

_PROGRAMS = Path(__file__).parents[2] / "examples" / "tfrs"


def make(tutorial: str, epochs: int, quick: bool, folder: str) -> Callable[[], dict[str, float]]:  # noqa: ARG001
    spec = importlib.util.spec_from_file_location(tutorial, _PROGRAMS / f"{tutorial}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(_PROGRAMS / f"{tutorial}.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)

    def run() -> dict[str, float]:
        figures = program.main(epochs=epochs, quick=quick)
        return {name: float(value) for name, value in figures.items()}

    return run


serve(make)

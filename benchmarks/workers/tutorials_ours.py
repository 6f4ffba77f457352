"""Ours: one of the programs in ``examples/tfrs``, as it is, with one seed after the other."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from bench import serve, with_seeds

_PROGRAMS = Path(__file__).parents[2] / "examples" / "tfrs"


def make(
    tutorial: str,
    epochs: int,
    quick: bool,
    folder: str,  # noqa: ARG001
) -> Callable[[], dict[str, list[float]]]:
    spec = importlib.util.spec_from_file_location(tutorial, _PROGRAMS / f"{tutorial}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(_PROGRAMS / f"{tutorial}.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return with_seeds(lambda seed: program.main(epochs=epochs, quick=quick, seed=seed))


serve(make)

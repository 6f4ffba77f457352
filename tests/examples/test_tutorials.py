"""Every program in ``examples/tfrs`` runs, on a few rows, where its data set is to be had."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from shortlist.datasets import movielens
from shortlist.errors import DownloadError

PROGRAMS = sorted(
    path
    for path in (Path(__file__).parents[2] / "examples" / "tfrs").glob("*.py")
    if not path.name.startswith("_")
)
BACKEND = keras.backend.backend()

pytestmark = [pytest.mark.backend, pytest.mark.slow]


def wants_tensorflow(program: Path) -> bool:
    return "import tensorflow" in program.read_text(encoding="utf-8")


def runs_here(program: Path) -> bool:
    """Those on `tf.data` run on TensorFlow alone; there the others need not all be run again."""
    return wants_tensorflow(program) == (BACKEND == "tensorflow")


@pytest.fixture(scope="module", autouse=True)
def data():
    try:
        movielens("100k")
    except DownloadError as error:
        pytest.skip(f"MovieLens-100K cannot be had here: {error}")


@pytest.mark.parametrize("program", [p for p in PROGRAMS if runs_here(p)], ids=lambda p: p.stem)
def test_it_runs_and_prints_figures(program):
    done = subprocess.run(
        [sys.executable, str(program), "--quick"],
        env={**os.environ, "KERAS_BACKEND": BACKEND},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    figures = re.findall(r"-?\d+\.\d+|\bnan\b|\binf\b", done.stdout)
    assert figures
    assert all(math.isfinite(float(figure)) for figure in figures)
